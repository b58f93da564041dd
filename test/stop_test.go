//go:build linux

package test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Stop ends every process that the program ever forked, also those that are in
// another session, have no parent of the service's, and do not listen to TERM.
func TestStopEndsEscapees(t *testing.T) {
	t.Parallel()
	s := newShape(t, "escapees")
	st := s.start("--stop-timeout", "0.5")
	for n := range 3 {
		if pid := s.truth("escapee", n+1); !alive(pid) {
			t.Errorf("escapee %d is not there", pid)
		}
	}
	eventually(t, "status shows the escapees", func() bool { return len(s.status().PIDs) >= 4 })
	s.stop()
	if alive(st.SupervisorPID) || alive(s.truth("escapee", 1)) {
		t.Error("stop has returned before all have gone")
	}
	s.mustNotRun("stopped")
}

// A program that does not listen to TERM gets KILL when its time is over.
func TestStopEndsTheStubborn(t *testing.T) {
	t.Parallel()
	s := newShape(t, "stubborn")
	st := s.start("--stop-timeout", "0.5")
	s.stop()
	s.log.inOrder(`proc \d+ killed by signo 9`, `stopped`)
	s.tellsOfKilling(fmt.Sprint(st.MainPID))
	end := s.mustNotRun("stopped")
	if end.LastExit == nil || end.LastExit.PID != st.MainPID || end.LastExit.Signal != 9 {
		t.Errorf("last exit %+v, not signal 9 of pid %d", end.LastExit, st.MainPID)
	}
}

// A crash leaves workers: they are ended before the restart.
func TestCrashLeavesWorkers(t *testing.T) {
	t.Parallel()
	s := newShape(t, "escapees")
	st := s.start("-t", "0.1", "--stop-timeout", "0.5")
	s.truth("escapee", 3)
	s.crash(st.MainPID)
	for n := range 3 {
		if pid := s.truth("escapee", n+1); alive(pid) {
			t.Errorf("escapee %d of the first run lives beside the second", pid)
		}
	}
	s.stop()
}

// Stop during the wait before a restart: there will be none.
func TestStopDuringBackoff(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	st := s.start("-t", "300")
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	s.stop()
	if alive(st.SupervisorPID) {
		t.Error("stop has returned before the supervisor has gone")
	}
	s.mustNotRun("stopped")
	s.starts(1)
}

// Stop during start-up: start says so, and fails.
func TestStopDuringStartUp(t *testing.T) {
	t.Parallel()
	s := newShape(t, "late-starter", "linger=60000")
	var started result
	var starting sync.WaitGroup
	starting.Go(func() { started = s.tell("start", "--follow-forks") })
	s.truth("main", 1)
	stopped := s.tell("stop")
	starting.Wait()
	if stopped.code != 0 {
		t.Errorf("stop: %v", stopped)
	}
	if started.code != 1 || !strings.Contains(started.stderr, "stopped") || started.stdout != "" {
		t.Errorf("start, when it was stopped: %v", started)
	}
	if left := belonging(t); len(left) > 0 {
		t.Errorf("left:\n%s", list(left))
	}
	s.mustNotRun("stopped")
	s.starts(1)
}

var notRunning = regexp.MustCompile(`(?i)not running`)

// Stop of what has ended says so, and is no failure.
func TestStopNotRunning(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	s.stop()
	if r := s.tell("stop"); r.code != 0 || !notRunning.MatchString(r.stdout) {
		t.Errorf("twice in a row: %v", r)
	}
}

// Two stops at once: both wait for the end, and both are content.
func TestTwoStopsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShape(t, "stubborn")
	st := s.start("--stop-timeout", "0.5")
	var stops sync.WaitGroup
	for range 2 {
		stops.Go(func() {
			if r := s.tell("stop"); r.code != 0 || alive(st.MainPID) || alive(st.SupervisorPID) {
				t.Errorf("stop: %v\nmain there: %v, supervisor there: %v", r, alive(st.MainPID), alive(st.SupervisorPID))
			}
		})
	}
	stops.Wait()
	s.mustNotRun("stopped")
}

// A supervisor's pid is where the seed has it, and TERM to it is a stop.
func TestStopByPidfile(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	st := s.start("--follow-forks")
	pidfile, err := os.ReadFile(s.supervisorPidfile())
	if err != nil || strings.TrimSpace(string(pidfile)) == "" || number(strings.TrimSpace(string(pidfile))) != st.SupervisorPID {
		t.Fatalf("the supervisor is %d, its pidfile says %q (%v)", st.SupervisorPID, pidfile, err)
	}
	kill(t, st.SupervisorPID, unix.SIGTERM)
	s.waitEnd(st, "stopped")
	if exists(s.supervisorPidfile()) {
		t.Error("the supervisor has left its pidfile")
	}
	s.log.inOrder(`stopped`)
}

// Whatever was stopped can be started again.
func TestStartAfterStop(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	first := s.start("--follow-forks")
	s.stop()
	second := s.start("--follow-forks")
	if second.Restarts != 0 || second.SupervisorPID == first.SupervisorPID {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
	s.stop()
	s.starts(2)
}
