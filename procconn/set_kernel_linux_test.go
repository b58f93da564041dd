package procconn_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// The tests of this file talk to the real kernel.

// TestSetDescendants: a child's descendants are known from birth, also when the parents in between are gone at once.
func TestSetDescendants(t *testing.T) {
	conn := dial(t)
	set := track(t, conn)
	add(t, set, os.Getpid())
	drain(t, conn)
	// A double fork, then a grandchild of the orphan; the shells name their pids.
	out := shell(t, `(sh -c 'echo b $$; (sh -c "echo c \$\$; exec true") & wait' & exec sh -c 'echo a $$'); echo top $$; wait`)
	pids := map[string]int{}
	for line := range strings.Lines(out) {
		name, pid, _ := strings.Cut(strings.TrimSpace(line), " ")
		pids[name], _ = strconv.Atoi(pid)
	}
	events := untilExit(t, conn, pids["c"])
	all := births(t, set)
	for child, parent := range map[string]int{"top": os.Getpid(), "a": pids["top"], "b": pids["a"]} {
		if b, known := all[pids[child]]; !known || b.Parent != parent {
			t.Errorf("%s: %+v, not below %d", child, b, parent)
		}
	}
	c := all[pids["c"]]
	for c.Parent != 0 && c.Parent != pids["b"] {
		c = all[c.Parent]
	}
	if c.Parent == 0 {
		t.Error("c is not below b")
	}
	for pid, b := range all {
		if pid != os.Getpid() {
			if fork := only(t, events, procconn.Fork, pid); fork.Time != b.Time || fork.ParentTGID != b.Parent {
				t.Errorf("%+v, but the event was %+v", b, fork)
			}
		}
	}
	for _, ev := range events {
		if _, known := all[ev.TGID]; !known || ev.IsThread() {
			t.Errorf("not filtered: %+v", ev)
		}
	}
}

// TestSetExecExit: what one of the set does is told, that of its threads is not.
func TestSetExecExit(t *testing.T) {
	conn := dial(t)
	add(t, track(t, conn), os.Getpid())
	drain(t, conn)
	cmd := child("threads", nil)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	events := untilExit(t, conn, cmd.Process.Pid)
	if got := kinds(events, cmd.Process.Pid); got != "fork exec exit" {
		t.Errorf("%q", got)
	}
}

// TestStrangersDoNotWakeUs: a storm elsewhere leaves no trace in the queue, and no wake-up.
func TestStrangersDoNotWakeUs(t *testing.T) {
	for name, attach := range map[string]func(*testing.T, *procconn.Conn, int){
		"classic": func(t *testing.T, conn *procconn.Conn, pid int) {
			if err := conn.Filter([]int{pid}); err != nil {
				t.Fatal(err)
			}
		},
		"set": func(t *testing.T, conn *procconn.Conn, pid int) { add(t, track(t, conn), pid) },
	} {
		t.Run(name, func(t *testing.T) {
			quiet := quietProcess(t)
			conn := dial(t)
			attach(t, conn, quiet.Pid)
			drain(t, conn)
			woken := edges(t, conn)
			shell(t, `i=0; while [ $i -lt 300 ]; do (exit 0); i=$((i+1)); done`)
			if n := woken(); n != 0 {
				t.Errorf("woken: %d", n)
			}
			if bytes := queued(t, conn); bytes != 0 {
				t.Errorf("%d bytes are queued", bytes)
			}
			_ = quiet.Kill()
			if ev, err := conn.Receive(); err != nil || ev.Kind != procconn.Exit || ev.TGID != quiet.Pid {
				t.Errorf("%+v, %v", ev, err)
			}
		})
	}
}

// quietProcess returns one that waits, and is past its exec. It is ended after the test.
func quietProcess(t *testing.T) *os.Process {
	t.Helper()
	cmd := exec.Command("cat")
	in, errIn := cmd.StdinPipe()
	out, errOut := cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	_, errIn = in.Write([]byte("x")) // is echoed
	_, errOut = out.Read(make([]byte, 1))
	if err := errors.Join(errIn, errOut); err != nil {
		t.Fatal(err)
	}
	return cmd.Process
}

// edges returns a function that reports whether conn has become readable since, even if it is not any more.
func edges(t *testing.T, conn *procconn.Conn) func() int {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(epoll) })
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, int(fd), &ev); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() int {
		n, err := unix.EpollWait(epoll, make([]unix.EpollEvent, 1), 0)
		if err != nil {
			t.Error(err)
		}
		return n
	}
}

// TestSetOverflow: the queue loses most of 3,000 births, the set none.
func TestSetOverflow(t *testing.T) {
	conn := dial(t)
	set := track(t, conn)
	if err := conn.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	add(t, set, os.Getpid())
	truth := map[int]bool{}
	out := shell(t, `echo $$; i=0; while [ $i -lt 3000 ]; do (exit 0) & echo $!; wait $!; i=$((i+1)); done`)
	var parent int
	for line := range strings.Lines(out) {
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		if parent == 0 {
			parent = pid
		} else {
			truth[pid] = true
		}
	}
	_, _, err := conn.TryReceive()
	if !errors.Is(err, procconn.ErrOverflow) {
		t.Fatal("no overflow: ", err)
	}
	known := map[int]bool{}
	for pid, b := range births(t, set) {
		if b.Parent == parent {
			known[pid] = true
		}
	}
	if !maps.Equal(known, truth) {
		t.Errorf("%d in the set, %d were born", len(known), len(truth))
	}
	if n := lost(t, set); n != 0 {
		t.Errorf("%d lost", n)
	}
	got := catchUp(t, conn)
	if got == 0 {
		t.Error("nothing was left in the queue")
	}
	// A fork, and an exit, of each.
	if n, err := conn.Dropped(); err != nil || int(n)+got < 2*len(truth) {
		t.Errorf("%d dropped, %d received, %v", n, got, err)
	}
}

// TestSetFullOfProcesses: with the real kernel, too, the forks pass.
func TestSetFullOfProcesses(t *testing.T) {
	conn := dial(t)
	track(t, conn) // or skip
	set, err := conn.Track(4)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	add(t, set, os.Getpid())
	drain(t, conn)
	out := shell(t, `echo $$; i=0; while [ $i -lt 10 ]; do (exit 0); i=$((i+1)); done`)
	sh, _ := strconv.Atoi(strings.TrimSpace(out))
	forks := 0
	for _, ev := range untilExit(t, conn, sh) {
		if ev.Kind == procconn.Fork && ev.ParentTGID == sh {
			forks++
		}
	}
	if n, m := lost(t, set), len(births(t, set)); forks != 10 || m != 4 || n < 8 {
		t.Errorf("%d of 10 forks, %d lost, %d kept", forks, n, m)
	}
}

// TestSetReusedPID: a stranger's child gets the pid of one that has died and was not forgotten.
func TestSetReusedPID(t *testing.T) {
	const lastPID = "/proc/sys/kernel/ns_last_pid"
	if _, err := os.OpenFile(lastPID, os.O_WRONLY, 0); err != nil {
		unmet(t, "pids cannot be chosen: ", err)
	}
	conn := dial(t)
	set := track(t, conn)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	pid := dead.Process.Pid
	add(t, set, pid)
	drain(t, conn)
	for tries := 0; ; tries++ { // others may take it, or come between
		out := shell(t, fmt.Sprintf(`echo %d >%s; (exit 0) & echo $!; wait`, pid-1, lastPID))
		if out == fmt.Sprintln(pid) {
			break
		}
		if tries == 1000 {
			unmet(t, "the machine is too busy to choose a pid")
		}
	}
	if all := births(t, set); len(all) != 0 {
		t.Errorf("%v", all)
	}
	ev, ok, err := conn.TryReceive()
	if !ok || err != nil || ev.Kind != procconn.Fork || ev.TGID != pid || ev.ParentTGID == os.Getpid() {
		t.Errorf("%+v, %v, %v", ev, ok, err)
	}
	if rest := drain(t, conn); len(rest) != 0 {
		t.Errorf("the new owner is followed: %+v", rest)
	}
}

// shell runs a script and returns what it wrote.
func shell(t testing.TB, script string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
