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
	"respawner/watch/settle"
)

// stage is a supervisor in this process. Its processes are real and its connector is
// not: the test says what happened, and when the loop turns.
type stage struct {
	*Host
	t      *testing.T
	u      *unit
	kernel *procconntest.Kernel
	main   int // what the service is; it runs a script
	log    *bytes.Buffer
}

// setUp starts script as a service on a step of the ladder. Children that this
// process has already are strangers to it.
func setUp(t *testing.T, step Tracking, script string) *stage {
	t.Helper()
	conn, kernel := procconntest.New(t)
	g := prepare(t, step, script, conn)
	g.kernel = kernel
	g.tellOfStart()
	g.started()
	return g
}

// prepare has the start of script be under way; its connectors are conns, one after the
// other.
func prepare(t *testing.T, step Tracking, script string, conns ...*procconn.Conn) *stage {
	t.Helper()
	runtime.LockOSThread()
	g := &stage{t: t, log: &bytes.Buffer{}}
	dials(t, conns...)
	log := slog.New(slog.NewTextHandler(g.log, nil))
	s, err := newHost(host, HostConfig{Tracking: step, Log: log}, Config{
		Spec: service.Spec{Name: "x", StopTimeout: patient}, Program: program(t, "sh", "-c", script), Control: -1, Log: log,
	})
	check(t, err)
	g.Host, g.u = s, s.units[0]
	t.Cleanup(g.tearDown)
	s.begin(g.u)
	readable(t, s.spawner.FD())
	return g
}

// newHost returns a host of which the test has the loop turn.
func newHost(k kernel, h HostConfig, configs ...Config) (*Host, error) {
	s := hostOn(k, h)
	return s, s.build(configs...)
}

func (g *stage) tearDown() {
	var err error
	if g.main != 0 {
		err = unix.Kill(-g.main, unix.SIGKILL) // it leads a group
	}
	check(g.t, g.close())
	for len(children()) > 0 && err == nil {
		_, err = unix.Wait4(-g.main, nil, 0, nil)
	}
	check(g.t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0))
	runtime.UnlockOSThread()
}

// tellOfStart has the kernel tell of the birth of what was started.
func (g *stage) tellOfStart() {
	for _, pid := range host.childrenOf(g.pid) {
		// The program leads its session; others may have come home already.
		if sid, err := unix.Getsid(pid); g.table.Process(pid) == nil && err == nil && sid == pid {
			g.kernel.Send(fork(g.pid, pid))
		}
	}
}

// started has the supervisor hear that the program runs.
func (g *stage) started() {
	g.t.Helper()
	g.catchUp()
	procs := g.u.machine.Snapshot().Procs
	if len(procs) == 0 {
		g.t.Fatal("nothing was started")
	}
	g.main = procs[0].PID
}

// dials has supervisors connect to fakes, one after the other, and then to
// nothing.
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

// catchUp has the loop turn, whether anything has happened or not, until all is read that it has
// asked of the memory of processes.
func (g *stage) catchUp() {
	g.t.Helper()
	g.spawner.wake()
	check(g.t, g.turn())
	for g.recall.searches.busy() || g.recall.singles.busy() {
		check(g.t, g.turn())
	}
}

// happen has the kernel tell of events, and the supervisor read them.
func (g *stage) happen(events ...procconn.Event) {
	g.t.Helper()
	g.kernel.Send(events...)
	g.catchUp()
}

// lose has the kernel tell of events that the supervisor does not get to read.
func (g *stage) lose(events ...procconn.Event) {
	g.t.Helper()
	g.kernel.Send(events...)
	for ok := true; ok; {
		_, ok, _ = g.ladder.conn.conn.TryReceive()
	}
}

// turns has the loop turn for a while, and counts.
func (g *stage) turns(while time.Duration) (n int) {
	g.t.Helper()
	end := time.Now().Add(while)
	check(g.t, g.timers.Set(deadline{unit: g.u, timer: service.TimerRespawn}, end)) // means nothing now
	for ; time.Now().Before(end); n++ {
		check(g.t, g.turn())
	}
	return n
}

// set returns the pids in the kernel's set, by their numbers.
func (g *stage) set() kernelSet {
	g.t.Helper()
	k, is := g.ladder.step.(*kernelTracked)
	if !is {
		g.t.Fatalf("on %v", g.ladder.now)
	}
	return k.set
}

// onSteps runs a test on steps of the ladder.
func onSteps(t *testing.T, test func(t *testing.T, step Tracking), steps ...Tracking) {
	for _, step := range steps {
		t.Run(step.String(), func(t *testing.T) { test(t, step) })
	}
}

// tree is the forest as "child<parent" in the order of a snapshot.
func (g *stage) tree() string {
	g.t.Helper()
	var out []string
	for _, p := range g.u.machine.Snapshot().Procs {
		out = append(out, fmt.Sprintf("%d<%d", p.PID, p.Parent))
	}
	known := 0
	for _, p := range g.table.All() {
		if p.Unit == g.u.id {
			known++
		}
	}
	if len(out) != known {
		g.t.Errorf("the machine knows %v, the table %d processes", out, known)
	}
	return strings.Join(out, " ")
}

func (g *stage) wantTree(format string, args ...any) {
	g.t.Helper()
	if got, want := g.tree(), fmt.Sprintf(format, args...); got != want {
		g.t.Errorf("the forest is %s, want %s\n%s", got, want, g.table)
	}
}

// wantCalm requires that nothing is half done.
func (g *stage) wantCalm() {
	g.t.Helper()
	if !g.table.IsCalm() || g.table.HasMore() {
		g.t.Errorf("something is half done:\n%s", g.table)
	}
}

// has reports whether a process is of the service.
func (g *stage) has(pid int) bool { return g.table.Known(g.u.id, pid) != nil }

// unitOf returns of which service a process is in the table, 0 where it is not there.
func (g *stage) unitOf(pid int) settle.Unit {
	if p := g.table.Process(pid); p != nil {
		return p.Unit
	}
	return settle.Unclaimed
}

func fork(parent, child int) procconn.Event {
	return procconn.Event{Kind: procconn.Fork, ParentPID: parent, ParentTGID: parent, PID: child, TGID: child, Time: host.monotonic()}
}

func exitEvent(pid int, status uint32) procconn.Event {
	return procconn.Event{Kind: procconn.Exit, PID: pid, TGID: pid, ExitCode: status}
}

func execEvent(pid int) procconn.Event {
	return procconn.Event{Kind: procconn.Exec, PID: pid, TGID: pid}
}

// unused is a pid that no process can have, so one that is gone already.
const unused = 4194304

// alien starts a program that does not descend from us: its parent is init. vars are
// added to its environment. It has to be called before setUp.
func alien(t *testing.T, vars ...string) (pid, pidfd int) {
	t.Helper()
	path, hear := fifo(t)
	args := append(append([]string{"env"}, vars...), "sh", "-c", fmt.Sprintf("sh -c 'echo $$ >%s; exec sleep 1000' &", path))
	_, launcher := run(t, args...)
	pid = pidOf(hear())
	pidfd = must(unix.PidfdOpen(pid, 0))
	t.Cleanup(func() { check(t, errors.Join(host.sendSignal(pidfd, unix.SIGKILL), unix.Close(pidfd))) })
	readable(t, launcher)
	must(takeEnd(launcher))
	return pid, pidfd
}

// shut makes every read of a socket fail.
func shut(t *testing.T, fd int) {
	t.Helper()
	check(t, os.NewSyscallError("shutdown", syscall.Shutdown(fd, syscall.SHUT_RD)))
}
