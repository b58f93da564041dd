package watch

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
	"respawner/watch/control"
	"respawner/watch/service"
)

var withConnector = []Tracking{TrackKernelSet, TrackSocketFilter, TrackEvents}

func TestTrackingWords(t *testing.T) {
	for step := TrackBest; step <= TrackPidfile; step++ {
		if got, ok := ParseTracking(step.String()); !ok || got != step {
			t.Errorf("%v: %v, %v", step, got, ok)
		}
	}
	for _, word := range []string{"Scan", "kernelset", "best", " ", "0"} {
		if got, ok := ParseTracking(word); ok || got != TrackBest {
			t.Errorf("%q: %v, %v", word, got, ok)
		}
	}
}

// unborn is a supervisor without a service that has begun.
func unborn(t *testing.T, wanted Tracking, conns ...*procconn.Conn) (*Supervisor, error) {
	t.Helper()
	dials(t, conns...)
	loop, err := newLoop(host)
	check(t, err)
	s := &Supervisor{kernel: host, pid: os.Getpid(), loop: loop, procs: map[int]*process{}, units: []*unit{{config: Config{Tracking: wanted}}}}
	check(t, s.makeTimers())
	t.Cleanup(func() { check(t, s.close()) })
	return s, s.firstClimb()
}

// Each step says why it is not the one above it.
func TestLadderSaysWhy(t *testing.T) {
	const cant = "its filters can't be had"
	tests := map[string]struct {
		filters bool // of the connector
		conn    bool
		step    Tracking
		why     string
	}{
		"all is well":        {true, true, TrackKernelSet, ""},
		"no filters":         {false, true, TrackEvents, cant},
		"no connector":       {true, false, TrackScan, "no connector any more"},
		"nothing whatsoever": {false, false, TrackScan, "no connector any more"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var conns []*procconn.Conn
			if tt.conn {
				kernel := procconntest.NewKernel(t)
				socket := kernel.Socket()
				if !tt.filters {
					socket = &unfiltered{Socket: socket, why: cant}
				}
				conns = []*procconn.Conn{must(procconn.New(socket))}
			}
			s, err := unborn(t, TrackBest, conns...)
			if got := &s.ladder; err != nil || got.step != tt.step || !strings.HasSuffix(got.reason, tt.why) || (tt.why == "") != (got.reason == "") {
				t.Errorf("%v, %v: %q", err, got.step, got.reason)
			}
		})
	}
}

// unfiltered is a socket to which no filter can be attached.
type unfiltered struct {
	procconn.Socket
	why   string
	calls int
}

// SyscallConn is asked for by each filter, but first by New and by the loop.
func (u *unfiltered) SyscallConn() (syscall.RawConn, error) {
	if u.calls++; u.calls == 2 || u.calls == 3 {
		return nil, errors.New(u.why)
	}
	return u.Socket.SyscallConn()
}

// Deaf in the middle: a new connection does, and the step is the same. When
// that one is deaf as well, it is done without, and status says why.
func TestDeaf(t *testing.T) {
	onSteps(t, testDeaf, withConnector...)
}

func testDeaf(t *testing.T, step Tracking) {
	path, hear := fifo(t)
	g := setUp(t, step, fmt.Sprintf("exec sh -c 'sleep 1000 & echo $! >%s; wait'", path))
	child := pidOf(hear())
	second, kernel := procconntest.New(t)
	dials(t, second)
	g.kernel.SetDeaf(true)
	g.probe()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if st := g.status(g.units[0]); st.Tracking != step.String() || st.Resyncs != 1 {
		t.Errorf("%+v", st)
	}
	g.kernel = kernel
	g.happen(fork(g.main, nobody), fork(child, nobody-1))
	g.probe() // all is well
	kernel.SetDeaf(true)
	g.probe()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	st := g.status(g.units[0])
	if st.Tracking != "scan" || !strings.Contains(st.TrackingReason, procconn.ErrDeaf.Error()) || st.Resyncs != 2 {
		t.Errorf("%+v", st)
	}
	third, _ := procconntest.New(t)
	dials(t, third)
	g.probe() // much later, the better step is tried once more
	if st := g.status(g.units[0]); st.Tracking == "scan" || strings.Contains(st.TrackingReason, "deaf") {
		t.Errorf("%+v", st)
	}
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
}

// A program that was started must have been heard of.
func TestStartIsNotHeard(t *testing.T) {
	g := setUp(t, TrackEvents, "exec sleep 1000")
	second, _ := procconntest.New(t)
	dials(t, second)
	g.mustHear(spawned{err: errors.New("nothing was started")})
	g.mustHear(spawned{pid: nobody})
	g.catchUp()
	if st := g.status(g.units[0]); st.Tracking != "events" || st.Resyncs != 1 || !strings.Contains(g.log.String(), "deaf") {
		t.Errorf("%+v, log: %s", st, g.log)
	}
	g.wantTree("%d<0", g.main)
}

// An event about a process of the set that we don't know: its birth got lost.
func TestExecOfAnUnknown(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	child := pidOf(hear())
	g.wantTree("%d<0", g.main)
	exec := procconn.Event{Kind: procconn.Exec, PID: child, TGID: child}
	g.happen(exec, procconn.Event{Kind: procconn.Exec, PID: nobody, TGID: nobody}) // not in the set: the filter drops them
	g.wantTree("%d<0", g.main)
	check(t, g.ladder.set.Add(child))
	g.happen(exec)
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if g.ladder.resyncs != 1 || g.ladder.lost {
		t.Errorf("%d resyncs", g.ladder.resyncs)
	}
}

// With events of the whole machine an unknown process is just somebody else.
func TestExecOfAStranger(t *testing.T) {
	onSteps(t, func(t *testing.T, step Tracking) {
		g := setUp(t, step, "exec sleep 1000")
		g.happen(procconn.Event{Kind: procconn.Exec, PID: nobody, TGID: nobody})
		if g.ladder.resyncs != 0 || g.ladder.lost {
			t.Errorf("%d resyncs", g.ladder.resyncs)
		}
	}, TrackSocketFilter, TrackEvents)
}

// What the set has lost events for is taken from it: who lives is found, with
// the dead in between, who are then forgotten.
func TestReplay(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("(sh -c 'sleep 1000 & echo $! >%s; exec sleep 1000' & exec true); exec sleep 1000", path))
	grandchild := pidOf(hear())
	child := must(host.statOf(grandchild)).ppid
	g.kernel.Send(fork(g.main, nobody), fork(nobody, child), fork(child, grandchild), fork(grandchild, nobody-1))
	for ok := true; ok; { // the events get lost
		_, ok, _ = g.ladder.conn.TryReceive()
	}
	g.wantTree("%d<0", g.main)
	g.kernel.Overflow()
	g.catchUp()
	g.wantTree("%d<0 %d<0 %d<%d", g.main, child, grandchild, child)
	for _, b := range must(g.ladder.set.Births()) {
		if b.PID == nobody || b.PID == nobody-1 {
			t.Errorf("not forgotten: %+v", b)
		}
	}
	g.kernel.Overflow()
	g.catchUp()
	if g.wantTree("%d<0 %d<0 %d<%d", g.main, child, grandchild, child); g.ladder.resyncs != 2 {
		t.Errorf("%d resyncs", g.ladder.resyncs)
	}
}

// Who has died is taken out of the set, and whose pid was given away as well.
func TestSetForgetsTheDead(t *testing.T) {
	a, _ := run(t, "sleep", "1000")
	g := setUp(t, TrackKernelSet, "exec sleep 1000")
	g.happen(fork(g.main, a), fork(g.main, nobody), fork(nobody, nobody-1), fork(1, a), fork(a, nobody-2))
	g.wantTree("%d<0", g.main)
	if births := must(g.ladder.set.Births()); len(births) != 2 {
		t.Errorf("in the set are %+v", births)
	}
}

// A set that is full is given up for the next step, with nobody lost.
func TestSetIsFull(t *testing.T) {
	setSize = 3
	t.Cleanup(func() { setSize = procconn.SetSize })
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & sleep 1000 & echo $! >%s; exec sleep 1000", path))
	second := pidOf(hear())
	second, first := second, host.childrenOf(g.main)[0]
	conn, kernel := procconntest.New(t)
	dials(t, conn)
	g.happen(fork(g.main, first)) // the third in the set, with us and main
	if st := g.status(g.units[0]); st.Tracking != "kernel-set" {
		t.Errorf("%+v", st)
	}
	g.happen(fork(g.main, second))
	g.wantTree("%d<0 %d<%d %d<%d", g.main, first, g.main, second, g.main)
	st := g.status(g.units[0])
	if st.Tracking != "socket-filter" || !strings.Contains(st.TrackingReason, "the kernel's set of processes is full (3)") {
		t.Errorf("%+v", st)
	}
	g.kernel = kernel
	g.happen(fork(second, nobody))
	g.wantTree("%d<0 %d<%d %d<%d", g.main, first, g.main, second, g.main)
}

// A full set that only holds the dead is emptied.
func TestSetIsFullOfTheDead(t *testing.T) {
	setSize = 16
	t.Cleanup(func() { setSize = procconn.SetSize })
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	child := pidOf(hear())
	var forks []procconn.Event
	for i := range 40 {
		forks = append(forks, fork(g.main, nobody-i))
	}
	g.happen(append(forks, fork(g.main, child))...)
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if st := g.status(g.units[0]); st.Tracking != "kernel-set" {
		t.Errorf("%+v", st)
	}
	for pid, want := range map[int]bool{g.main: true, child: true, nobody: false} {
		if _, in, err := g.ladder.set.Birth(pid); in != want || err != nil {
			t.Errorf("pid %d is in the set: %v, %v", pid, in, err)
		}
	}
}

// With more processes than a filter has room for, all forks of the machine are
// told, and status says so; it works the same.
func TestManyProcessesForTheFilter(t *testing.T) {
	many := procconn.FilterLimit + 50
	p := shell(fmt.Sprintf("i=0; while [ $i -lt %d ]; do sleep 1000 & i=$((i+1)); done; wait", many), service.Spec{})
	p.Tracking = "socket-filter"
	s := begin(t, p)
	s.up()
	st := s.await("all are known", func(st *control.Status) bool { return len(st.PIDs) == many+1 })
	if !strings.Contains(st.TrackingReason, "every fork of the machine") {
		t.Errorf("%q", st.TrackingReason)
	}
	for _, pid := range st.PIDs[:many/2] { // the lowest may be that of main
		if pid != st.MainPID {
			check(t, unix.Kill(pid, unix.SIGKILL))
		}
	}
	st = s.await("half are known", func(st *control.Status) bool { return len(st.PIDs) < many*2/3 })
	if strings.Contains(st.TrackingReason, "every fork") || st.State != "running" || st.Restarts != 0 {
		t.Errorf("%+v", st)
	}
}

// Lost events are counted, over all connections.
func TestLostEventsAreCounted(t *testing.T) {
	s := begin(t, plan{Args: []string{"sh", "-c", "exec sleep 1000"}, ReadBuffer: 1, Tracking: "events"})
	s.up()
	for range 300 { // each makes some events
		pid, pidfd := run(t, "true")
		readable(t, pidfd)
		_, _ = unix.Wait4(pid, nil, 0, nil)
	}
	s.await("lost events are told", func(s *control.Status) bool { return s.LostEvents > 0 && s.Resyncs > 0 })
}

// turns has the loop turn for a while, and counts.
func (g *stage) turns(while time.Duration) (n int) {
	g.t.Helper()
	end := time.Now().Add(while)
	check(g.t, g.timers.Set(deadline{unit: g.units[0], timer: service.TimerRespawn}, end)) // means nothing now
	for ; time.Now().Before(end); n++ {
		check(g.t, g.loop.turn(g.catchUp))
	}
	return n
}

// Once the connector is given up, the next try for it is not soon.
func TestFallenLadderComesToRest(t *testing.T) {
	g := setUp(t, TrackKernelSet, "exec sleep 1000")
	dials(t)
	g.kernel.SetDeaf(true)
	g.probe()
	g.turns(2 * probeSoon)
	if g.ladder.step != TrackScan || g.ladder.resyncs != 1 {
		t.Errorf("%v, %d resyncs", g.ladder.step, g.ladder.resyncs)
	}
}

// A death that can't be acted on yet waits without work for anybody.
func TestDeathDuringAStartWhileBirthsAreLost(t *testing.T) {
	g := setUp(t, TrackEvents, "exec sleep 1000")
	g.early.begin()
	g.ladder.lost = true
	check(t, unix.Kill(g.main, unix.SIGKILL))
	if n := g.turns(time.Second / 2); n > 50 {
		t.Errorf("%d turns", n)
	}
	g.wantTree("%d<0", g.main)
	g.early.end()
	g.unparkAll()
	if !g.hasEnded(g.procs[g.main]) || g.procs[g.main].slot == nil {
		t.Error("nobody will tell of it any more")
	}
}

// A connection that is made anew because a start was not heard of has the
// program in its set.
func TestStartIsInTheNewSet(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	child := pidOf(hear())
	second, kernel := procconntest.New(t)
	dials(t, second)
	g.kernel = kernel
	p := g.procs[g.main]
	delete(g.procs, g.main) // as if it were not told yet
	g.early.begin()
	g.mustHear(spawned{pid: g.main})
	g.early.end()
	g.enter(p)
	check(t, g.join(p))
	g.happen(fork(g.main, child))
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
}

// The first thread of a process may end before it: that says nothing of how it
// will end.
func TestFirstThreadEnds(t *testing.T) {
	pid, _ := run(t, "sleep", "1000")
	g := setUp(t, TrackEvents, "exec sleep 1000")
	g.happen(fork(g.main, pid), procconn.Event{Kind: procconn.Exit, PID: pid, TGID: pid, ExitCode: 0})
	if g.procs[pid].exit.Known {
		t.Errorf("known how it ended, but it lives: %+v", g.procs[pid].exit)
	}
}

// The orphan of a process that did not descend from us is init's. It is followed
// and ended all the same when its birth is known from the set alone.
func TestReplayOfAnAdoptedOne(t *testing.T) {
	path, hear := fifo(t)
	run(t, "sh", "-c", fmt.Sprintf("(sh -c 'echo $$ >%s; exec sleep 1000' &)", path))
	child := pidOf(hear())
	fd := must(unix.PidfdOpen(child, 0))
	t.Cleanup(func() { check(t, errors.Join(host.sendSignal(fd, unix.SIGKILL), unix.Close(fd))) })
	g := setUp(t, TrackKernelSet, "exec sleep 1000")
	u := g.units[0]
	adopted := &process{pid: nobody, unit: u, pidfd: -1, foreign: true}
	g.enter(adopted)
	check(t, g.join(adopted))
	g.tell(u, service.Forked{Child: nobody})
	g.kernel.Send(fork(nobody, child))
	for ok := true; ok; { // the event gets lost
		_, ok, _ = g.ladder.conn.TryReceive()
	}
	g.kernel.Overflow()
	g.catchUp()
	g.wantTree("%d<0 %d<0 %d<0", g.main, nobody, child)
	g.tell(u, service.Stop{})
	g.catchUp()
	g.wantTree("%d<0 %d<0 %d<0", g.main, nobody, child)
	readable(t, fd)
}

// Who is found while an event is read may not fit into the set any more: then
// the connector is given up in the middle of the reading.
func TestSetIsFullInTheMiddle(t *testing.T) {
	setSize = 3
	t.Cleanup(func() { setSize = procconn.SetSize })
	adopted, _ := run(t, "sleep", "1000")
	marked, _ := run(t, "env", markID+"=id", "sleep", "1000")
	g := setUp(t, TrackBest, "sleep 1000 & exec sleep 1000")
	u := g.units[0]
	u.config.ID = "id"
	p := &process{pid: adopted, unit: u, pidfd: -1, foreign: true}
	check(t, g.admit(p, must(host.openPidfd(adopted))))
	g.tell(u, service.Forked{Child: adopted})
	g.kernel.Overflow()
	g.happen(fork(1, adopted), fork(g.main, nobody))
	if g.ladder.step != TrackScan || g.procs[marked] == nil || g.procs[adopted] != nil {
		t.Errorf("on %v, with %s", g.ladder.step, g.tree())
	}
}
