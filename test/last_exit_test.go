//go:build linux

package test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// lastExitIs asserts what status, its JSON and list say of how a service last went down.
func (s *service) lastExitIs(pid, signal int, words string) {
	s.t.Helper()
	if e := s.status().LastExit; e == nil || e.PID != pid || e.Signal != signal {
		s.t.Errorf("last exit in JSON: %+v, not pid %d, signal %d", e, pid, signal)
	}
	line := fmt.Sprintf(`^  last exit +pid %d %s, \d+s ago$`, pid, words)
	if r := s.tell("status"); len(matches(line, r.stdout)) != 1 {
		s.t.Errorf("status should have %q: %v", line, r)
	}
	if row := s.listed(); len(row) != 7 || len(matches(words, row[6])) != 1 {
		s.t.Errorf("list: %q, not %q", row, words)
	}
}

// After a crash and the restart status tells of the crash, not of the starter that the new daemon
// has left behind.
func TestLastExitIsTheCrash(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	s.options = []string{"--name", "daemon"}
	s.name = "daemon"
	st := s.start("-t", "0.2", "--follow-forks")
	if st.LastExit != nil {
		t.Errorf("before any: %+v", st.LastExit)
	}
	now := s.crash(st.MainPID)
	s.lastExitIs(st.MainPID, 9, `killed by signal 9 \(SIGKILL\)`)
	if r := s.tell("restart"); r.code != 0 {
		t.Fatalf("restart: %v", r)
	}
	s.lastExitIs(now.MainPID, 0, `exited, status 0`)
	last := s.status().MainPID
	s.stop()
	if e := s.status().LastExit; e == nil || e.PID != last || e.Code != 0 || e.By != "" {
		t.Errorf("after a stop: %+v, not of %d", e, last)
	}
}

// What a crash has others end with is not how the service went down.
func TestLastExitOfSeveral(t *testing.T) {
	t.Parallel()
	s := newShape(t, "twins")
	s.start("-t", "0.2", "--follow-forks")
	victim := s.truth("second", 1)
	kill(t, victim, unix.SIGSEGV)
	s.log.waitFor(`restarted\(1/`, 1)
	s.waitState("running")
	s.lastExitIs(victim, 11, `killed by signal 11 \(SIGSEGV\)(, core dumped)?`)
	s.stop()
}

// Where respawner has sent KILL, that is said, and how long the process had had.
func TestLastExitByRespawner(t *testing.T) {
	t.Parallel()
	s := newShape(t, "stubborn")
	st := s.start("--stop-timeout", "0.5")
	s.stop()
	if e := s.status().LastExit; e == nil || e.PID != st.MainPID || e.Signal != 9 || e.By != "respawner" || e.After != 0.5 {
		t.Errorf("last exit %+v", e)
	}
	how := fmt.Sprintf("pid %d killed by signal 9 (SIGKILL) by respawner, after 500ms", st.MainPID)
	if r := s.tell("status"); !strings.Contains(r.stdout, how+", ") {
		t.Errorf("status should say %q: %v", how, r)
	}
	s.recalls(fmt.Sprintf(`exited +pid %d killed by signal 9 \(SIGKILL\) by respawner, after 500ms$`, st.MainPID))
}
