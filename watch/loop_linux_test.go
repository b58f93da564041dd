package watch

import (
	"errors"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func openLoop(t *testing.T) *loop {
	t.Helper()
	l, err := newLoop(host)
	check(t, err)
	t.Cleanup(func() { check(t, l.close()) })
	return l
}

// ring is a descriptor that is readable.
func ring(t *testing.T) *wake {
	t.Helper()
	w, err := newWake()
	check(t, err)
	t.Cleanup(func() { _ = w.close() })
	w.call()
	return w
}

// turn waits until something is ready, and serves it.
func turn(l *loop) error {
	ready, err := l.wait()
	l.serve(ready, rankWake, rankControl)
	return err
}

func TestLoopServesByRank(t *testing.T) {
	l := openLoop(t)
	var got []rank
	put := func(r rank) {
		if _, err := l.add(r, ring(t).fd, unix.EPOLLIN, func(uint32) { got = append(got, r) }); err != nil {
			t.Fatal(err)
		}
	}
	for r := rankControl; r >= rankWake; r-- { // the other way round
		put(r)
		put(r)
	}
	ready, err := l.wait()
	check(t, err)
	l.serve(ready, rankWake, rankPidfd)
	if len(got) != 2*int(rankPidfd+1) {
		t.Errorf("of the first ranks were served %v", got)
	}
	l.serve(ready, rankTimer, rankControl)
	if !slices.IsSorted(got) || len(got) != 2*int(rankControl+1) {
		t.Errorf("served in the order %v", got)
	}
}

// A death that is handled may remove other processes. Their events are there already.
func TestLoopForgetsWhoWasRemoved(t *testing.T) {
	l := openLoop(t)
	var late *slot
	removed := false
	_, err := l.add(rankPidfd, ring(t).fd, unix.EPOLLIN, func(uint32) {
		if !removed {
			removed = true
			check(t, l.remove(late))
		}
	})
	check(t, err)
	late, err = l.add(rankControl, ring(t).fd, unix.EPOLLIN, func(uint32) { t.Error("was served after its removal") })
	check(t, err)
	for range 2 {
		check(t, turn(l))
	}
	if !removed {
		t.Error("the test did not do what it should")
	}
}

// The number of a descriptor that was closed goes to the next one at once: an
// event for the old one must not be taken for one of the new.
func TestLoopReusedNumber(t *testing.T) {
	l := openLoop(t)
	var old *slot
	oldWake := must(newWake())
	oldWake.call()
	var fresh *wake
	defer func() { check(t, fresh.close()) }()
	served := 0
	_, err := l.add(rankWake, ring(t).fd, unix.EPOLLIN, func(uint32) {
		if fresh != nil {
			return
		}
		check(t, l.remove(old))
		check(t, oldWake.close())
		fresh = must(newWake())
		if fresh.fd != oldWake.fd {
			t.Skipf("the kernel gave number %d, not %d", fresh.fd, oldWake.fd)
		}
		_, err := l.add(rankControl, fresh.fd, unix.EPOLLIN, func(uint32) { served++ })
		check(t, err)
	})
	check(t, err)
	old, err = l.add(rankControl, oldWake.fd, unix.EPOLLIN, func(uint32) { t.Error("the old one was served") })
	check(t, err)
	check(t, turn(l))
	if served > 0 {
		t.Error("the new one was served an event of the old one")
	}
	fresh.call()
	check(t, turn(l))
	if served != 1 {
		t.Errorf("the new one was served %d times", served)
	}
}

func TestLoopChange(t *testing.T) {
	l := openLoop(t)
	fds := must(unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0))
	defer func() { check(t, errors.Join(unix.Close(fds[0]), unix.Close(fds[1]))) }()
	var got []uint32
	s, err := l.add(rankControl, fds[0], unix.EPOLLIN, func(e uint32) { got = append(got, e) })
	check(t, err)
	check(t, l.change(s, unix.EPOLLOUT))
	check(t, turn(l))
	check(t, l.change(s, 0))
	always := ring(t)
	_, err = l.add(rankWake, always.fd, unix.EPOLLIN, func(uint32) {})
	check(t, err)
	check(t, turn(l))
	if len(got) != 1 || got[0] != unix.EPOLLOUT {
		t.Errorf("got %#x, want one EPOLLOUT and then silence", got)
	}
}

// More are ready than one turn takes: none is forgotten.
func TestLoopServesCrowds(t *testing.T) {
	const many = 3 * crowd / 2
	l := openLoop(t)
	served := map[int]bool{}
	for range many {
		w := ring(t)
		_, err := l.add(rankPidfd, w.fd, unix.EPOLLIN, func(uint32) { w.clear(); served[w.fd] = true })
		check(t, err)
	}
	for range many/crowd + 1 {
		check(t, turn(l))
	}
	if len(served) != many {
		t.Errorf("%d of %d were served", len(served), many)
	}
}

func TestLoopErrors(t *testing.T) {
	l := openLoop(t)
	if s, err := l.add(rankWake, -1, unix.EPOLLIN, nil); s != nil || !errors.Is(err, unix.EBADF) || len(l.slots) != 0 {
		t.Errorf("a bad descriptor: %v, %v, %d slots", s, err, len(l.slots))
	}
}
