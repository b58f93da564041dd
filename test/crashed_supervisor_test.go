//go:build linux

package test

import (
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// The supervisor itself is killed with -9: status says so, and what it has
// left does not stop a new start.
func TestCrashedSupervisor(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	first := s.start("--follow-forks")
	kill(t, first.SupervisorPID, unix.SIGKILL)
	mustSayDead(s)
	kill(t, first.MainPID, unix.SIGKILL)
	mustSayDead(s)

	second := s.start("--follow-forks")
	if second.SupervisorPID == first.SupervisorPID || second.Restarts != 0 {
		t.Errorf("first %+v\nthen %+v", first, second)
	}
	s.crash(second.MainPID)
	s.stop()
	s.mustNotRun("stopped")
}

func mustSayDead(s *service) {
	s.t.Helper()
	s.says("is not running", 1)
	r := s.tell("status")
	if !regexp.MustCompile(`(?i)supervisor[^\n]* (died|dead|killed|gone)`).MatchString(r.stdout) {
		s.t.Errorf("status should say that the supervisor is dead: %v", r)
	}
}

// Stop puts away what a killed supervisor has left.
func TestStopAfterCrashedSupervisor(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	kill(t, st.MainPID, unix.SIGKILL)
	if r := s.tell("stop"); r.code != 0 || !notRunning.MatchString(r.stdout) {
		t.Errorf("stop: %v", r)
	}
	s.mustNotRun("stopped")
	if exists(s.supervisorPidfile()) {
		t.Error("the supervisor's pidfile is still there")
	}
}

// It is killed while it waits: the same.
func TestCrashedSupervisorInBackoff(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "300")
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	mustSayDead(s)
	s.start()
	s.stop()
}
