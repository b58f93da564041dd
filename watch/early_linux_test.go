package watch

import (
	"slices"
	"testing"

	"respawner/procconn"
)

// Events of a program that is being started are held until its pid is known,
// and then there in their order; those of others are not.
func TestEarlyHolds(t *testing.T) {
	const us, child, grandchild, other = 100, 200, 300, 400
	s := &Supervisor{pid: us}
	ev := func(kind procconn.Kind, parent, pid int) procconn.Event {
		return procconn.Event{Kind: kind, ParentPID: parent, ParentTGID: parent, PID: pid, TGID: pid}
	}
	steps := []struct {
		ev   procconn.Event
		held bool
	}{
		{ev(procconn.Exec, 0, child), false}, // not known to be ours yet
		{ev(procconn.Fork, us, child), true},
		{ev(procconn.Fork, other, other+1), false},
		{ev(procconn.Exec, 0, child), true},
		{ev(procconn.Fork, child, grandchild), true},
		{ev(procconn.Exec, 0, other), false},
		{ev(procconn.Exit, 1, other), false},
		{ev(procconn.Exit, us, grandchild), true},
		{ev(procconn.Exit, us, other), false}, // no birth
		{ev(procconn.Fork, grandchild, grandchild+1), true},
	}
	var e early
	for _, step := range steps {
		if e.hold(s, step.ev) {
			t.Fatalf("held %+v while nothing was being started", step.ev)
		}
	}
	for range 2 { // what was learnt for one start is of no meaning for the next
		e.begin()
		var want []procconn.Event
		for _, step := range steps {
			if e.hold(s, step.ev) != step.held {
				t.Errorf("%+v: held is not %v", step.ev, step.held)
			}
			if step.held {
				want = append(want, step.ev)
			}
		}
		if got, whole := e.end(); !whole || !slices.Equal(got, want) {
			t.Errorf("got %+v, whole %v; want %+v", got, whole, want)
		}
		if e.waiting() {
			t.Error("waits on")
		}
	}
}

// Two starts at a time: all waits for the last.
func TestEarlyWaitsForAll(t *testing.T) {
	s := &Supervisor{pid: 1}
	var e early
	e.begin()
	e.begin()
	fork := procconn.Event{Kind: procconn.Fork, ParentTGID: 1, PID: 2, TGID: 2}
	if !e.hold(s, fork) {
		t.Error("not held")
	}
	if held, whole := e.end(); held != nil || !whole || !e.waiting() {
		t.Errorf("after the first: %v, %v", held, whole)
	}
	if held, whole := e.end(); len(held) != 1 || !whole {
		t.Errorf("after the second: %v, %v", held, whole)
	}
}

// A program that forks without end before its start is told costs no more
// than so much; that something is missing is known.
func TestEarlyIsBounded(t *testing.T) {
	const many = 10 * maxEarly
	s := &Supervisor{pid: 1}
	var e early
	e.begin()
	for pid := 2; pid < many; pid++ {
		held := e.hold(s, procconn.Event{Kind: procconn.Fork, ParentTGID: pid - 1, PID: pid, TGID: pid})
		if !held && pid < maxEarly { // what is beyond is for the scan to find
			t.Fatalf("event %d is taken for somebody else's", pid)
		}
	}
	if len(e.events) > maxEarly || cap(e.events) > 2*maxEarly {
		t.Errorf("%d events are held, with room for %d", len(e.events), cap(e.events))
	}
	pids := len(e.pids)
	if held, whole := e.end(); whole || len(held) != maxEarly {
		t.Errorf("%d, whole: %v", len(held), whole)
	}
	if pids > 2*maxEarly {
		t.Errorf("%d pids are held", pids)
	}
}
