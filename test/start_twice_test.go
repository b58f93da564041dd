//go:build linux

package test

import (
	"strings"
	"sync"
	"testing"
)

// Started twice: it says that it already runs, and starts nothing.
func TestStartTwice(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	first := s.start("--follow-forks")
	r := s.tell("start", "--follow-forks")
	if r.code != 0 || !saysAlready(r) {
		t.Errorf("the second start: %v", r)
	}
	if now := s.mustRun(); now.MainPID != first.MainPID || now.SupervisorPID != first.SupervisorPID {
		t.Errorf("first %+v\nthen %+v", first, now)
	}
	s.starts(1)
	s.stop()
}

func saysAlready(r result) bool {
	return strings.Contains(r.stdout+r.stderr, "already ")
}

// In the foreground it is the same.
func TestStartTwiceForeground(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	if r := s.tell("start", "-D"); r.code != 0 || !saysAlready(r) {
		t.Errorf("the second start: %v", r)
	}
	s.starts(1)
	s.stop()
}

// Two starts at the same moment: exactly one instance, every time.
func TestTwoStartsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	for round := range 20 {
		var both [2]result
		var starts sync.WaitGroup
		for i := range both {
			starts.Go(func() { both[i] = s.tell("start") })
		}
		starts.Wait()
		if both[0].code != 0 || both[1].code != 0 || saysAlready(both[0]) == saysAlready(both[1]) {
			t.Fatalf("round %d:\n%v\n%v", round, both[0], both[1])
		}
		s.mustRun()
		s.starts(round + 1)
		s.stop()
	}
}
