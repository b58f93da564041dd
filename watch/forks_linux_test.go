package watch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/watch/service"
)

func TestForksAreFollowed(t *testing.T) {
	onSteps(t, testForksAreFollowed, TrackKernelSet, TrackEvents)
}

func testForksAreFollowed(t *testing.T, step Tracking) {
	a, _ := alien(t)
	b, _ := alien(t)
	other, _ := run(t, "sleep", "1000")
	g := setUp(t, step, "exec sleep 1000")
	thread := fork(g.main, other)
	thread.TGID = g.main
	forkA, forkB := fork(g.main, a), fork(a, b)
	again, elsewhere := fork(a, b), fork(g.main, b) // before its pidfd is opened: the number was given away, twice
	g.happen(forkA, thread, fork(other, unused), fork(1, unused-1), forkB,
		procconn.Event{Kind: procconn.Exit, PID: other, TGID: g.main}, exitEvent(other, 0))
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, a)
	g.happen(again, elsewhere)
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
	g.happen(elsewhere) // told a second time
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
	old := fork(a, b)
	old.Time -= time.Hour
	g.happen(old)
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
	g.wantCalm()
}

// A number is given away before it is read that it was given at all.
func TestPidIsGivenAwayUnread(t *testing.T) {
	onSteps(t, testPidIsGivenAwayUnread, TrackKernelSet, TrackEvents)
}

func testPidIsGivenAwayUnread(t *testing.T, step Tracking) {
	a, _ := alien(t)
	b, _ := alien(t)
	g := setUp(t, step, "exec sleep 1000")
	g.happen(fork(g.main, a), fork(a, b), fork(a, b), fork(g.main, b))
	g.wantTree("%d<0 %d<%d %d<%d", g.main, a, g.main, b, g.main)
	g.wantCalm()
}

// The number of one of ours went to a stranger: that one is let alone, and so are its children.
func TestPidIsGivenAway(t *testing.T) {
	onSteps(t, testPidIsGivenAway, TrackKernelSet, TrackEvents)
}

func testPidIsGivenAway(t *testing.T, step Tracking) {
	a, pidfd := alien(t)
	b, below := alien(t)
	g := setUp(t, step, "exec sleep 1000")
	first, second := fork(g.main, a), fork(1, a) // before its pidfd is opened
	g.happen(first)
	g.wantTree("%d<0 %d<%d", g.main, a, g.main)
	g.happen(second, fork(a, b))
	g.wantTree("%d<0", g.main)
	g.wantCalm()
	main := g.table.Process(g.main).FD
	g.tell(g.u, service.Stop{})
	g.catchUp()
	readable(t, main)
	if isDead(pidfd) || isDead(below) {
		t.Error("a stranger was killed")
	}
}

// The number of a stranger's child was ours once, in events that are read together.
func TestPidIsGivenAwayAtOnce(t *testing.T) {
	onSteps(t, func(t *testing.T, step Tracking) {
		a, _ := alien(t)
		b, _ := alien(t)
		g := setUp(t, step, "exec sleep 1000")
		g.happen(fork(g.main, a), fork(1, a), fork(a, b))
		g.wantTree("%d<0", g.main)
		g.wantCalm()
	}, TrackKernelSet, TrackEvents)
}

// A process that was gone before it could be opened has children. Their births are
// told after its own.
func TestGoneHasChildren(t *testing.T) {
	onSteps(t, testGoneHasChildren, TrackKernelSet, TrackEvents)
}

func testGoneHasChildren(t *testing.T, step Tracking) {
	g := setUp(t, step, "exec sleep 1000")
	path, hear := fifo(t)
	var b int
	t.Cleanup(func() { // when a has ended, it is ours
		_ = unix.Kill(b, unix.SIGKILL)
		_, _ = unix.Wait4(b, nil, 0, nil)
	})
	a, _ := run(t, "sh", "-c", fmt.Sprintf("sleep 1000 & echo $! >%s; exec sleep 1000", path))
	b = pidOf(hear())
	g.happen(fork(g.main, unused), fork(unused, a), fork(a, b))
	g.wantTree("%d<0 %d<0 %d<%d", g.main, a, b, a) // by /proc the heir is a child of ours
	g.wantCalm()
	g.happen(fork(a, unused), fork(b, unused-1), fork(unused-1, unused-2))
	g.wantTree("%d<0 %d<0 %d<%d", g.main, a, b, a)
	g.wantCalm()
}

// After an overflow the children files say what is there.
func TestOverflow(t *testing.T) {
	onSteps(t, testOverflow, TrackSocketFilter, TrackEvents)
}

func testOverflow(t *testing.T, step Tracking) {
	path, hear := fifo(t)
	g := setUp(t, step, fmt.Sprintf("sh -c 'sleep 1000 & echo $! >%s; exec sleep 1000' & wait", path))
	grandchild := pidOf(hear())
	child := must(host.statOf(grandchild)).ppid
	if step == TrackEvents {
		g.wantTree("%d<0", g.main) // nothing told of them
	}
	g.kernel.Overflow()
	g.catchUp()
	g.wantTree("%d<0 %d<%d %d<%d", g.main, child, g.main, grandchild, child)
	if g.ladder.resyncs != 1 {
		t.Errorf("%d resyncs", g.ladder.resyncs)
	}
	old := fork(1, child)
	old.Time = 1
	g.happen(old) // told late of what the look has found
	g.wantTree("%d<0 %d<%d %d<%d", g.main, child, g.main, grandchild, child)
	g.happen(fork(g.main, child), fork(child, grandchild)) // they live: these are their own births, seen before they were told
	g.wantTree("%d<0 %d<%d %d<%d", g.main, child, g.main, grandchild, child)
	g.wantCalm()
}

// More events than the queue holds, as in a storm: they overflow, and the look finds
// only what is there.
func TestStorm(t *testing.T) {
	onSteps(t, testStorm, TrackKernelSet, TrackSocketFilter, TrackEvents)
}

func testStorm(t *testing.T, step Tracking) {
	g := setUp(t, step, "exec sleep 1000")
	var storm []procconn.Event
	for i := range 3000 {
		storm = append(storm, fork(g.main, unused-i))
	}
	g.kernel.Send(storm...)
	for readableWithin(g.ladder.conn.slot.fd, 0) {
		g.catchUp()
	}
	g.wantTree("%d<0", g.main)
	if g.ladder.resyncs == 0 {
		t.Error("no resync")
	}
	g.wantCalm()
}

// The connector may fail in the middle; then it is done without.
func TestConnectorFails(t *testing.T) {
	onSteps(t, testConnectorFails, TrackKernelSet, TrackSocketFilter, TrackEvents)
}

func testConnectorFails(t *testing.T, step Tracking) {
	path, hear := fifo(t)
	g := setUp(t, step, fmt.Sprintf("sleep 1000 & echo $! >%s; wait", path))
	child := pidOf(hear())
	shut(t, g.ladder.conn.slot.fd)
	g.catchUp()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
	if st := g.status(g.u); st.Tracking != "scan" || st.TrackingReason == "" {
		t.Errorf("tracking %q, %q", st.Tracking, st.TrackingReason)
	}
	if !strings.Contains(g.log.String(), "going on by scan") {
		t.Errorf("the log says nothing of it: %s", g.log)
	}
	g.catchUp()
	g.wantTree("%d<0 %d<%d", g.main, child, g.main)
}
