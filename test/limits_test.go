//go:build linux

package test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newShell(t *testing.T, script string) *service {
	t.Helper()
	return newService(t, "sh", "-c", script)
}

// mustFail asserts that a start failed: with the exit code, and one line that
// says what was wrong.
func mustFail(t *testing.T, r result, code int, saying ...string) {
	t.Helper()
	if r.code != code || strings.Count(r.stderr, "\n") != 1 || !strings.HasPrefix(r.stderr, "respawner: ") {
		t.Errorf("should fail with %d and one line that begins with \"respawner: \": %v", code, r)
	}
	for _, word := range saying {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("should speak of %q: %v", word, r)
		}
	}
}

// waitGone waits for the supervisor of a service that is ending by itself.
func (s *service) waitGone() {
	s.t.Helper()
	eventually(s.t, "the supervisor's end", func() bool { return len(belonging(s.t)) == 0 })
}

// It gives up after so many restarts, and says so.
func TestRespawnLimit(t *testing.T) {
	t.Parallel()
	s := newShell(t, "sleep 0.4; exit 1")
	s.tell("start", "-n", "2", "-t", "0.05")
	s.log.waitFor(`exited, status 1\b`, 3)
	s.waitGone()
	end := s.mustNotRun("failed")
	if end.Restarts != 2 || end.LastExit == nil || end.LastExit.Code != 1 || end.Message == "" {
		t.Errorf("status: %+v, last exit %+v", end, end.LastExit)
	}
	s.log.inOrder(`sh started, pid`, `restarted\(1/2\)`, `restarted\(2/2\)`, `(?i)g[ai]ve up`, `stopped`)
	if s.log.count(`restarted\(`) != 2 || exists(s.supervisorPidfile()) {
		t.Error("it was restarted once more, or the supervisor's pidfile is left")
	}
	if r := s.tell("stop"); r.code != 0 || !notRunning.MatchString(r.stdout) {
		t.Errorf("stop of what has failed: %v", r)
	}
}

// What has failed can be started again, and counts from 0.
func TestStartAfterFailure(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground", "exit=1")
	st := s.start("-n", "1", "-t", "0.05")
	s.crash(st.MainPID)
	kill(t, s.mustRun().MainPID, unix.SIGTERM)
	s.waitEnd(st, "failed")
	if again := s.start(); again.Restarts != 0 || again.RespawnLimit != 0 || again.Message != "" {
		t.Errorf("after a failure: %+v", again)
	}
	s.stop()
	s.starts(3)
}

// A program that fails before it is up: start says so, and respawner tries
// again, as the seed does.
func TestFailsAtOnce(t *testing.T) {
	t.Parallel()
	s := newShell(t, "exit 5")
	mustFail(t, s.tell("start", "-t", "0.3"), 1, "sh", "status 5")
	s.log.waitFor(`restarted\(2/0\)`, 1)
	s.stop()
	s.mustNotRun("stopped")
}

func TestFailsAtOnceLimited(t *testing.T) {
	t.Parallel()
	s := newShell(t, "exit 5")
	mustFail(t, s.tell("start", "-t", "0.05", "-n", "2"), 1, "sh", "status 5")
	s.waitGone()
	if end := s.mustNotRun("failed"); end.Restarts != 2 || end.LastExit == nil || end.LastExit.Code != 5 {
		t.Errorf("status: %+v, last exit %+v", end, end.LastExit)
	}
}

// A program that says itself that it cannot be executed, as a shell does, is
// not tried again.
func TestCannotBeExecutedSaysTheShell(t *testing.T) {
	for _, code := range []string{"126", "127"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, "exit "+code)
			mustFail(t, s.tell("start", "-t", "0"), number(code), "sh", code)
			if left := dying(func() []process { return belonging(t) }); len(left) > 0 {
				t.Errorf("left:\n%s", list(left))
			}
			s.mustNotRun("stopped")
			if s.log.count("restarted") != 0 {
				t.Error("it was restarted")
			}
		})
	}
}

// Later it is: the program may be in the middle of an upgrade.
func TestGoneForAWhile(t *testing.T) {
	t.Parallel()
	s := newService(t, tempDir(t)+"/program")
	script := writeFile(t, s.program, "#!/bin/sh\nexec sleep 300\n", 0o755)
	st := s.start("-t", "0.1")
	aside := script + ".aside"
	rename(t, script, aside)
	kill(t, st.MainPID, unix.SIGKILL)
	s.log.waitFor(`start failed`, 2)
	rename(t, aside, script)
	now := s.waitState("running")
	if now.Restarts < 2 {
		t.Errorf("status: %+v", now)
	}
	s.stop()
}

// Each way to write a timeout: how long is it from the crash to the restart?
func TestRespawnTimeout(t *testing.T) {
	for text, want := range map[string]time.Duration{"0": 0, "0.3": 300 * time.Millisecond, "1": time.Second, "1s500ms": 1500 * time.Millisecond} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			st := s.start("--respawn-timeout", text)
			before := time.Now()
			now := s.crash(st.MainPID)
			if took := time.Since(before); took < want {
				t.Errorf("restarted %v after the crash, before %v were over", took, want)
			}
			if now.Restarts != 1 {
				t.Errorf("restarts %d", now.Restarts)
			}
			s.stop()
		})
	}
}
