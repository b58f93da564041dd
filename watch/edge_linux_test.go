package watch

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// edge is a pidfd in a loop, as a process of the table has it.
type edge struct {
	*loop
	t    *testing.T
	told int
}

func newEdge(t *testing.T, pidfd int) *edge {
	t.Helper()
	e := &edge{loop: must(newLoop(host)), t: t}
	t.Cleanup(func() { check(t, e.close()) })
	must(e.add(rankPidfd, pidfd, pidfdEvents, func(uint32) { e.told++ }))
	return e
}

// mustTell waits until the loop tells of the process, and requires that it then has no more
// to say.
func (e *edge) mustTell(what string) {
	e.t.Helper()
	if e.told = 0; !readableWithin(e.fd, patient) {
		e.t.Fatalf("it does not tell that %s", what)
	}
	e.serve(must(e.wait()), rankPidfd, rankPidfd)
	if e.told != 1 || readableWithin(e.fd, 0) {
		e.t.Errorf("told %d times that %s, and there is more: %v", e.told, what, readableWithin(e.fd, 0))
	}
}

// kill9 ends a process, and waits for that.
func kill9(t *testing.T, pidfd int) {
	t.Helper()
	check(t, host.sendSignal(pidfd, unix.SIGKILL))
	readable(t, pidfd)
}

// A dead process that comes to us is told of anew.
func TestEdgeWhenAZombieComesToUs(t *testing.T) {
	check(t, host.becomeSubreaper())
	t.Cleanup(func() { check(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)) })
	path, hear := fifo(t)
	parentPid, parent := run(t, "sh", "-c", fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	pidfd := must(host.openPidfd(pidOf(hear())))
	eventually(t, "the parent is one that does not reap", func() bool { return strings.HasSuffix(host.fileOf(parentPid), "sleep") })
	t.Cleanup(func() { check(t, host.closeFD(pidfd)) })
	e := newEdge(t, pidfd)
	kill9(t, pidfd)
	e.mustTell("it has ended")
	if _, err := host.reap(pidfd); !errors.Is(err, errNotOurs) {
		t.Errorf("it is another one's child: %v", err)
	}
	kill9(t, parent)
	e.mustTell("it has come to us")
	if end, err := host.reap(pidfd); err != nil || end.Signal != int(unix.SIGKILL) {
		t.Errorf("%+v, %v", end, err)
	}
}

// tracerEnv makes the test binary a tracer of a process: its value is the pid, and a fifo that
// is told when it is so.
const tracerEnv = "WATCH_TEST_TRACER"

func trace(pidAndFifo string) {
	runtime.LockOSThread() // it is the thread that is the tracer
	pid, path, _ := strings.Cut(pidAndFifo, " ")
	text := "traced"
	if err := unix.PtraceSeize(pidOf(pid)); err != nil {
		text = err.Error()
	}
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		panic(err)
	}
	for {
		_ = unix.Pause() // a signal ends it
	}
}

// A dead child that its tracer lets go is told of anew, and can be reaped only then.
func TestEdgeWhenATracerLetsGo(t *testing.T) {
	pid, pidfd := run(t, "sleep", "1000")
	path, hear := fifo(t)
	_, tracer := run(t, "env", fmt.Sprintf("%s=%d %s", tracerEnv, pid, path), must(os.Executable()))
	if text := hear(); text != "traced" {
		unmet(t, "it can't be traced: "+text)
	}
	e := newEdge(t, pidfd)
	kill9(t, pidfd)
	e.mustTell("it has ended")
	if _, err := host.reap(pidfd); !errors.Is(err, errNotEnded) {
		t.Errorf("its tracer has it: %v", err)
	}
	kill9(t, tracer)
	e.mustTell("its tracer has let it go")
	if end, err := host.reap(pidfd); err != nil || end.Signal != int(unix.SIGKILL) {
		t.Errorf("%+v, %v", end, err)
	}
}

// A dead process that is reaped is told of anew.
func TestEdgeWhenItIsReaped(t *testing.T) {
	_, pidfd := run(t, "sleep", "1000")
	e := newEdge(t, pidfd)
	kill9(t, pidfd)
	e.mustTell("it has ended")
	must(host.reap(pidfd))
	if !isLinux(t, 6, 13) && !readableWithin(e.fd, 0) {
		t.Skip("the kernel does not tell (it does since 6.13)")
	}
	e.mustTell("it was reaped")
}

// isLinux reports whether the kernel is of a version, or later.
func isLinux(t *testing.T, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	check(t, unix.Uname(&u))
	var x, y int
	if n, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &x, &y); n != 2 {
		t.Fatal(err)
	}
	return x > major || x == major && y >= minor
}

// By /proc a process never starts after its birth is told to have been: that tells it
// from the next one with its pid.
func TestStartIsNotAfterBirth(t *testing.T) {
	conn, err := procconn.Dial()
	if err != nil {
		unmet(t, err)
	}
	t.Cleanup(func() { check(t, conn.Close()) })
	check(t, errors.Join(conn.SetReadBuffer(readBuffer), conn.Filter([]int{os.Getpid()})))
	s := &Host{kernel: host}
	p := program(t, "true")
	least, most := userTick, -userTick
	for range 1000 {
		pid, pidfd := p.exec(t)
		ahead, _ := s.ahead()
		after := birthOf(t, conn, pid) + ahead - must(host.statOf(pid)).start
		least, most = min(least, after), max(most, after)
		readable(t, pidfd)
		must(host.reap(pidfd))
		check(t, host.closeFD(pidfd))
	}
	if least < 0 {
		t.Errorf("a process has started %v after its birth", -least)
	}
	t.Logf("births were told %v to %v after the start", least, most)
}

// birthOf returns when the birth of a child of ours was, by its event.
func birthOf(t *testing.T, conn *procconn.Conn, pid int) (at time.Duration) {
	t.Helper()
	for {
		ev, ok, err := conn.TryReceive()
		switch {
		case err != nil || !ok:
			t.Fatalf("the birth of pid %d is not told: %v", pid, err)
		case ev.Kind == procconn.Fork && ev.TGID == pid && !ev.IsThread():
			return ev.Time
		}
	}
}
