package watch

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
	"respawner/watch/service"
)

// stage is a supervisor in this process, whose processes are real and whose
// connector is not: the test tells what happened to whom, and nobody turns the
// loop.
type stage struct {
	*Supervisor
	t      *testing.T
	kernel *procconntest.Kernel
	main   int // what the service is; it runs a script
	log    *bytes.Buffer
}

// setUp starts script as a service on a step of the ladder. Children that this
// process has already are strangers to it.
func setUp(t *testing.T, step Tracking, script string) *stage {
	t.Helper()
	runtime.LockOSThread()
	conn, kernel := procconntest.New(t)
	g := &stage{t: t, kernel: kernel, log: &bytes.Buffer{}}
	dials(t, conn)
	s, err := newSupervisor(host, Config{
		Spec: service.Spec{Name: "x", StopTimeout: patient}, Program: program(t, "sh", "-c", script), Tracking: step,
		Control: -1, Log: slog.New(slog.NewTextHandler(g.log, nil)),
	})
	check(t, err)
	g.Supervisor = s
	t.Cleanup(func() {
		if g.main != 0 {
			_ = unix.Kill(-g.main, unix.SIGKILL) // it leads a group
		}
		check(t, s.close())
		for len(children()) > 0 && err == nil {
			_, err = unix.Wait4(-g.main, nil, 0, nil)
		}
		check(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0))
		runtime.UnlockOSThread()
	})
	s.tell(s.units[0], service.Start{})
	readable(t, s.spawner.FD())
	for _, pid := range host.childrenOf(s.pid) {
		// The program leads its session; others may have come home already.
		if sid, err := unix.Getsid(pid); !s.strangers[pid] && err == nil && sid == pid {
			kernel.Send(fork(s.pid, pid))
		}
	}
	s.spawned()
	if procs := g.units[0].machine.Snapshot().Procs; len(procs) > 0 {
		g.main = procs[0].PID
	} else {
		t.Fatal("nothing was started")
	}
	return g
}

// dials has supervisors connect to fakes, one after the other, and then to
// nobody.
func dials(t *testing.T, conns ...*procconn.Conn) {
	t.Cleanup(func() { dialConnector = procconn.Dial })
	dialConnector = func() (*procconn.Conn, error) {
		if len(conns) == 0 {
			return nil, errors.New("no connector any more")
		}
		conn := conns[0]
		conns = conns[1:]
		return conn, nil
	}
}

// happen has the kernel tell of events, and the supervisor read them.
func (g *stage) happen(events ...procconn.Event) {
	g.kernel.Send(events...)
	g.catchUp()
}

// onSteps runs a test on steps of the ladder.
func onSteps(t *testing.T, test func(t *testing.T, step Tracking), steps ...Tracking) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) { test(t, step) })
	}
}

// tree is the forest as "child<parent" in the order of a snapshot.
func (g *stage) tree() string {
	var out []string
	for _, p := range g.units[0].machine.Snapshot().Procs {
		out = append(out, fmt.Sprintf("%d<%d", p.PID, p.Parent))
	}
	if len(out) != len(g.procs) {
		g.t.Errorf("the machine knows %v, the supervisor %d processes", out, len(g.procs))
	}
	return strings.Join(out, " ")
}

func (g *stage) wantTree(format string, args ...any) {
	g.t.Helper()
	if got, want := g.tree(), fmt.Sprintf(format, args...); got != want {
		g.t.Errorf("the forest is %s, want %s", got, want)
	}
}

func fork(parent, child int) procconn.Event {
	return procconn.Event{Kind: procconn.Fork, ParentPID: parent, ParentTGID: parent, PID: child, TGID: child, Time: host.monotonic()}
}

// nobody is a pid that no process can have, so one that is gone already.
const nobody = 4194304

func TestForksAreFollowed(t *testing.T) {
	onSteps(t, testForksAreFollowed, TrackKernelSet, TrackEvents)
}

func testForksAreFollowed(t *testing.T, step Tracking) {
	a, _ := run(t, "sleep", "1000")
	b, _ := run(t, "sleep", "1000")
	other, _ := run(t, "sleep", "1000")
	g := setUp(t, step, "exec sleep 1000")
	thread := fork(g.main, other)
	thread.TGID = g.main
	forkA, forkB := fork(g.main, a), fork(a, b)
	again, elsewhere := fork(a, b), fork(g.main, b) // before its pidfd is opened: the number was given away, twice
	g.happen(forkA, thread, fork(other, nobody), forkB,
		procconn.Event{Kind: procconn.Exit, PID: other, TGID: g.main}, procconn.Event{Kind: procconn.Exit, PID: other, TGID: other})
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, a)
	g.happen(again, elsewhere)
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
	g.happen(fork(a, b)) // it was there before, and lives: this is its own birth, seen before it was told
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
	old := fork(a, b)
	old.Time -= time.Hour
	g.happen(old)
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
}

// The number of one of ours went to a stranger: that one is let alone.
func TestPidIsGivenAway(t *testing.T) {
	onSteps(t, testPidIsGivenAway, TrackKernelSet, TrackEvents)
}

func testPidIsGivenAway(t *testing.T, step Tracking) {
	a, pidfd := run(t, "sleep", "1000")
	g := setUp(t, step, "exec sleep 1000")
	first, second := fork(g.main, a), fork(1, a) // before its pidfd is opened
	g.happen(first)
	g.wantTree("%d<0 %d<%d", g.main, a, g.main)
	g.happen(second)
	g.wantTree("%d<0", g.main)
	g.tell(g.units[0], service.Stop{})
	g.catchUp()
	if isDead(pidfd) {
		t.Error("the stranger was killed")
	}
}

// One that was gone before it could be opened has children whose birth is told
// after its own.
func TestGhostHasChildren(t *testing.T) {
	onSteps(t, testGhostHasChildren, TrackKernelSet, TrackEvents)
}

func testGhostHasChildren(t *testing.T, step Tracking) {
	a, _ := run(t, "sleep", "1000")
	b, _ := run(t, "sleep", "1000")
	g := setUp(t, step, "exec sleep 1000")
	g.happen(fork(g.main, nobody), fork(nobody, a), fork(a, b))
	g.wantTree("%d<0 %d<0 %d<%d", g.main, a, b, a) // by /proc the heir is a child of ours
	if len(g.ghosts) > 0 {
		t.Errorf("%d ghosts are left", len(g.ghosts))
	}
	g.happen(fork(a, nobody), fork(b, nobody-1), fork(nobody-1, nobody-2))
	g.wantTree("%d<0 %d<0 %d<%d", g.main, a, b, a)
}

// After an overflow the children files tell who is there.
func TestOverflow(t *testing.T) {
	onSteps(t, testOverflow, TrackSocketFilter, TrackEvents)
}

func testOverflow(t *testing.T, step Tracking) {
	path, hear := fifo(t)
	g := setUp(t, step, fmt.Sprintf("sh -c 'sleep 1000 & echo $! >%s; exec sleep 1000' & wait", path))
	grandchild := pidOf(hear())
	child := must(host.statOf(grandchild)).ppid
	if step == TrackEvents {
		g.wantTree("%d<0", g.main) // nobody told of them
	}
	g.kernel.Overflow()
	g.catchUp()
	g.wantTree("%d<0 %d<%d %d<%d", g.main, child, g.main, grandchild, child)
	if g.ladder.resyncs != 1 {
		t.Errorf("%d resyncs", g.ladder.resyncs)
	}
	g.happen(procconn.Event{Kind: procconn.Fork, ParentPID: 1, ParentTGID: 1, PID: child, TGID: child, Time: 1})
	g.wantTree("%d<0 %d<%d %d<%d", g.main, child, g.main, grandchild, child) // told late of what the scan found
}

// More events than the queue holds, as in a storm: they overflow and the scan
// finds nobody but who is there.
func TestStorm(t *testing.T) {
	onSteps(t, testStorm, TrackKernelSet, TrackSocketFilter, TrackEvents)
}

func testStorm(t *testing.T, step Tracking) {
	g := setUp(t, step, "exec sleep 1000")
	var storm []procconn.Event
	for i := range 3000 {
		storm = append(storm, fork(g.main, nobody-i))
	}
	g.kernel.Send(storm...)
	for readableWithin(g.ladder.slot.fd, 0) {
		g.catchUp()
	}
	g.wantTree("%d<0", g.main)
	if g.ladder.resyncs == 0 || len(g.ghosts) > 0 {
		t.Errorf("%d resyncs, %d ghosts", g.ladder.resyncs, len(g.ghosts))
	}
}

// The connector may fail in the middle; then it is done without.
func TestConnectorFails(t *testing.T) {
	onSteps(t, testConnectorFails, TrackKernelSet, TrackSocketFilter, TrackEvents)
}

func testConnectorFails(t *testing.T, step Tracking) {
	path, hear := fifo(t)
	g := setUp(t, step, fmt.Sprintf("sleep 1000 & echo $! >%s; wait", path))
	child := pidOf(hear())
	shut(t, g.ladder.slot.fd)
	g.catchUp()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if st := g.status(g.units[0]); st.Tracking != "scan" || st.TrackingReason == "" {
		t.Errorf("tracking %q, %q", st.Tracking, st.TrackingReason)
	}
	if !strings.Contains(g.log.String(), "going on by scan") {
		t.Errorf("the log says nothing of it: %s", g.log)
	}
	g.catchUp()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
}

// shut makes every read of a socket fail.
func shut(t *testing.T, fd int) {
	t.Helper()
	check(t, os.NewSyscallError("shutdown", syscall.Shutdown(fd, syscall.SHUT_RD)))
}
