package watch

import (
	"errors"
	"fmt"
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
func unborn(t *testing.T, wanted Tracking, conns ...*procconn.Conn) (*Host, error) {
	t.Helper()
	dials(t, conns...)
	s := hostOn(host, HostConfig{Tracking: wanted})
	check(t, errors.Join(s.makeLoop(), s.makeTimers()))
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
			if got := &s.ladder; err != nil || got.now != tt.step || !strings.HasSuffix(got.reason, tt.why) || (tt.why == "") != (got.reason == "") {
				t.Errorf("%v, %v: %q", err, got.now, got.reason)
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
	g.probeNow()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if st := g.status(g.u); st.Tracking != step.String() || st.Resyncs != 1 {
		t.Errorf("%+v", st)
	}
	g.kernel = kernel
	g.happen(fork(g.main, unused), fork(child, unused-1))
	g.probeNow() // all is well
	kernel.SetDeaf(true)
	g.probeNow()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	st := g.status(g.u)
	if st.Tracking != "scan" || !strings.Contains(st.TrackingReason, procconn.ErrDeaf.Error()) || st.Resyncs != 2 {
		t.Errorf("%+v", st)
	}
	third, _ := procconntest.New(t)
	dials(t, third)
	g.probeNow() // much later, the better step is tried once more
	if st := g.status(g.u); st.Tracking == "scan" || strings.Contains(st.TrackingReason, "deaf") {
		t.Errorf("%+v", st)
	}
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	g.wantCalm()
}

// probeNow is what the loop does when the time for a probe has come.
func (g *stage) probeNow() {
	g.t.Helper()
	g.probe()
	g.catchUp()
}

// A program that was started must have been heard of.
func TestStartIsNotHeard(t *testing.T) {
	g := setUp(t, TrackEvents, "exec sleep 1000")
	second, _ := procconntest.New(t)
	dials(t, second)
	g.mustHear(spawned{err: errors.New("nothing was started")})
	g.catchUp()
	if st := g.status(g.u); st.Resyncs != 0 {
		t.Errorf("%+v, log: %s", st, g.log)
	}
	g.mustHear(spawned{pid: unused})
	g.catchUp()
	if st := g.status(g.u); st.Tracking != "events" || st.Resyncs != 1 || !strings.Contains(g.log.String(), "deaf") {
		t.Errorf("%+v, log: %s", st, g.log)
	}
	g.wantTree("%d<0", g.main)
}

// With events of the whole machine an unknown process is just another one.
func TestExecOfAStranger(t *testing.T) {
	onSteps(t, func(t *testing.T, step Tracking) {
		g := setUp(t, step, "exec sleep 1000")
		g.happen(execEvent(unused))
		g.wantCalm()
		if g.ladder.resyncs != 0 {
			t.Errorf("%d resyncs", g.ladder.resyncs)
		}
	}, TrackSocketFilter, TrackEvents)
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

// Once the connector is given up, the next try for it is not soon.
func TestFallenLadderComesToRest(t *testing.T) {
	g := setUp(t, TrackKernelSet, "exec sleep 1000")
	dials(t)
	g.kernel.SetDeaf(true)
	g.probe()
	g.turns(2 * probeSoon)
	if g.ladder.now != TrackScan || g.ladder.resyncs != 1 {
		t.Errorf("%v, %d resyncs", g.ladder.now, g.ladder.resyncs)
	}
}

// A death that can't be acted on yet waits without work for any: a child of ours has died
// that could be of a start under way, and births are lost.
func TestDeathDuringAStartWhileBirthsAreLost(t *testing.T) {
	onSteps(t, testDeathDuringAStart, withConnector...)
}

func testDeathDuringAStart(t *testing.T, step Tracking) {
	g := setUp(t, step, "exec sleep 1000")
	g.table.Starting(g.u.id)
	pid, pidfd := run(t, "sleep", "1000")
	g.happen(fork(g.pid, pid))
	g.kernel.Overflow()
	check(t, host.sendSignal(pidfd, unix.SIGKILL))
	readable(t, pidfd)
	if n := g.turns(time.Second / 2); n > 50 {
		t.Errorf("%d turns", n)
	}
	g.wantTree("%d<0", g.main)
	if g.table.Process(pid) == nil || g.ladder.resyncs != 1 {
		t.Errorf("of pid %d nothing is known, after %d resyncs", pid, g.ladder.resyncs)
	}
	g.table.Failed(g.u.id, 0)
	g.catchUp()
	g.wantTree("%d<0", g.main)
	g.wantCalm()
	if g.table.Process(pid) != nil || !host.isGone(pid) {
		t.Errorf("pid %d is still there", pid)
	}
}

// The first thread of a process may end before it: that says nothing of how it
// will end.
func TestFirstThreadEnds(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackEvents, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path)) // which does not reap
	child := pidOf(hear())
	g.happen(fork(g.main, child), exitEvent(child, 0))
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	g.tell(g.u, service.Due{Timer: service.TimerSettle})
	g.tell(g.u, service.Named{PID: child})
	check(t, unix.Kill(child, unix.SIGKILL))
	readable(t, g.table.Process(child).FD)
	g.happen(exitEvent(child, uint32(unix.SIGKILL)))
	g.wantTree("%d<0", g.main)
	if last := g.status(g.u).LastExit; last == nil || last.PID != child || last.Signal != int(unix.SIGKILL) {
		t.Errorf("of pid %d, it ended with %+v", child, last)
	}
}
