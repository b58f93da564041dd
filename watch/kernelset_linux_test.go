package watch

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
	"respawner/watch/service"
)

// An event about a process of the set that is not known: its birth got lost, and it is found.
func TestExecOfAnUnknown(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	child := pidOf(hear())
	g.wantTree("%d<0", g.main)
	g.happen(execEvent(child), execEvent(unused)) // not in the set: the filter drops them
	g.wantTree("%d<0", g.main)
	g.lose(fork(g.main, child))
	g.catchUp()
	g.wantTree("%d<0", g.main)
	g.happen(execEvent(child))
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	g.wantCalm()
	if g.ladder.resyncs != 1 {
		t.Errorf("%d resyncs", g.ladder.resyncs)
	}
}

// What the set has lost events for is taken from it: what lives is found, with
// the dead in between, which are then forgotten.
func TestReplay(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("(sh -c 'sleep 1000 & echo $! >%s; exec sleep 1000' & exec true); exec sleep 1000", path))
	grandchild := pidOf(hear())
	child := must(host.statOf(grandchild)).ppid
	eventually(t, "the child is an orphan", func() bool { return must(host.statOf(child)).ppid == g.pid })
	g.lose(fork(g.main, unused), fork(unused, child), fork(child, grandchild), fork(grandchild, unused-1))
	g.wantTree("%d<0", g.main)
	g.kernel.Overflow()
	g.catchUp()
	g.wantTree("%d<0 %d<0 %d<%d", g.main, child, grandchild, child)
	for _, b := range must(g.set().Births()) {
		if b.PID == unused || b.PID == unused-1 {
			t.Errorf("not forgotten: %+v", b)
		}
	}
	g.kernel.Overflow()
	g.catchUp()
	if g.wantTree("%d<0 %d<0 %d<%d", g.main, child, grandchild, child); g.ladder.resyncs != 2 {
		t.Errorf("%d resyncs", g.ladder.resyncs)
	}
}

// What has died is taken out of the set, and that of which the pid was given away as well.
func TestSetForgetsTheDead(t *testing.T) {
	a, _ := alien(t)
	g := setUp(t, TrackKernelSet, "exec sleep 1000")
	g.happen(fork(g.main, a), fork(g.main, unused), fork(unused, unused-1), fork(1, a), fork(a, unused-2))
	g.wantTree("%d<0", g.main)
	if births := must(g.set().Births()); len(births) != 2 {
		t.Errorf("in the set are %+v", births)
	}
}

// smallSet has the kernel's set have room for some processes.
func smallSet(t *testing.T, size int) {
	setSize = size
	t.Cleanup(func() { setSize = procconn.SetSize })
}

// A set that is full is given up for the next step, with none lost.
func TestSetIsFull(t *testing.T) {
	smallSet(t, 3)
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & sleep 1000 & echo $! >%s; exec sleep 1000", path))
	second := pidOf(hear())
	second, first := second, host.childrenOf(g.main)[0]
	conn, kernel := procconntest.New(t)
	dials(t, conn)
	g.happen(fork(g.main, first)) // the third in the set, with us and main
	if st := g.status(g.u); st.Tracking != "kernel-set" {
		t.Errorf("%+v", st)
	}
	g.happen(fork(g.main, second))
	g.wantTree("%d<0 %d<%d %d<%d", g.main, first, g.main, second, g.main)
	st := g.status(g.u)
	if st.Tracking != "socket-filter" || !strings.Contains(st.TrackingReason, "the kernel's set of processes is full (3)") {
		t.Errorf("%+v", st)
	}
	g.kernel = kernel
	g.happen(fork(second, unused))
	g.wantTree("%d<0 %d<%d %d<%d", g.main, first, g.main, second, g.main)
}

// A full set that only holds the dead is emptied.
func TestSetIsFullOfTheDead(t *testing.T) {
	smallSet(t, 16)
	path, hear := fifo(t)
	g := setUp(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	child := pidOf(hear())
	var forks []procconn.Event
	for i := range 40 {
		forks = append(forks, fork(g.main, unused-i))
	}
	g.happen(append(forks, fork(g.main, child))...)
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if st := g.status(g.u); st.Tracking != "kernel-set" {
		t.Errorf("%+v", st)
	}
	for pid, want := range map[int]bool{g.main: true, child: true, unused: false} {
		if _, in, err := g.set().Birth(pid); in != want || err != nil {
			t.Errorf("pid %d is in the set: %v, %v", pid, in, err)
		}
	}
}

// A connection that is made anew because a start was not heard of has the
// program in its set.
func TestStartIsInTheNewSet(t *testing.T) {
	first, _ := procconntest.New(t)
	second, kernel := procconntest.New(t)
	path, hear := fifo(t)
	g := prepare(t, TrackKernelSet, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path), first, second)
	g.kernel = kernel
	g.started()
	child := pidOf(hear())
	if !strings.Contains(g.log.String(), "deaf") || g.status(g.u).Tracking != "kernel-set" {
		t.Errorf("%+v, log: %s", g.status(g.u), g.log)
	}
	g.wantCalm()
	g.happen(fork(g.main, child))
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
}

// adopt has a process be of the service that does not descend from us.
func (g *stage) adopt(pid int) {
	g.t.Helper()
	g.table.Seek(g.u.id, pid, must(host.statOf(pid)).start)
	g.catchUp()
	if !g.has(pid) {
		g.t.Fatalf("pid %d is not of the service:\n%s", pid, g.table)
	}
}

// The orphan of a process that did not descend from us is init's. It is followed
// and ended all the same when its birth is known from the set alone, and its mark says
// that it is no stranger with that pid.
func TestReplayOfAnAdoptedOne(t *testing.T) {
	for name, known := range map[string]bool{"its parent's death is not known": false, "its parent is out of the table": true} {
		t.Run(name, func(t *testing.T) {
			adopted, pidfd := alien(t)
			id := rand.Text()
			child, fd := alien(t, markName+"=x", markID+"="+id)
			g := setUp(t, TrackKernelSet, "exec sleep 1000")
			g.u.config.ID = id
			g.adopt(adopted)
			g.lose(fork(adopted, child))
			check(t, host.sendSignal(pidfd, unix.SIGKILL))
			if readable(t, pidfd); known {
				eventually(t, "it is out of the table", func() bool { g.catchUp(); return g.table.Process(adopted) == nil })
				g.wantTree("%d<0", g.main)
			}
			g.kernel.Overflow()
			eventually(t, "the death of its parent is told", func() bool { g.catchUp(); return !g.has(adopted) })
			g.wantTree("%d<0 %d<0", g.main, child)
			g.wantCalm()
			g.tell(g.u, service.Stop{})
			g.catchUp()
			readable(t, fd)
		})
	}
}

// What is found may not fit into the set any more: then the connector is given up in the
// middle of finding out.
func TestSetIsFullInTheMiddle(t *testing.T) {
	smallSet(t, 3)
	adopted, pidfd := alien(t)
	id := rand.Text()
	marked, _ := alien(t, markID+"="+id)
	path, hear := fifo(t)
	g := setUp(t, TrackBest, fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	child := pidOf(hear())
	g.u.config.ID = id
	g.adopt(adopted)
	check(t, host.sendSignal(pidfd, unix.SIGKILL))
	readable(t, pidfd)
	second, kernel := procconntest.New(t)
	dials(t, second)
	g.kernel.SetDeaf(true)
	g.probe()
	g.kernel = kernel
	g.happen(fork(1, adopted), fork(g.main, unused))
	eventually(t, "a death is told", func() bool { g.catchUp(); return !g.has(adopted) })
	if g.ladder.now != TrackScan || !g.has(marked) || !g.has(child) {
		t.Errorf("on %v, with %s", g.ladder.now, g.tree())
	}
	g.wantCalm()
}
