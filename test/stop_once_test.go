//go:build linux

package test

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newSlow is a service that takes its time over TERM, and ends at once on INT; both by exit.
func newSlow(t *testing.T) *service {
	t.Helper()
	return newShell(t, `trap 'for i in $(seq 80); do sleep 0.05; done; exit 0' TERM; trap 'exit 0' INT; while :; do sleep 0.05; done`)
}

// stoppedWith asserts that a stop succeeded, and how main ended: by a signal, or 0.
func (s *service) stoppedWith(r result, signal int) {
	s.t.Helper()
	if r.code != 0 || r.stdout != s.name+" was stopped\n" {
		s.t.Fatalf("stop: %v", r)
	}
	if end := s.mustNotRun("stopped"); end.LastExit == nil || end.LastExit.Signal != signal {
		s.t.Fatalf("last exit %+v, not signal %d", end.LastExit, signal)
	}
}

// A stop may be given more time than the service was started with, or less, or another signal than
// TERM: this once.
func TestStopThisOnce(t *testing.T) {
	for name, once := range map[string]struct {
		options []string
		signal  int
	}{
		"as it was started": {nil, 9},
		"more time":         {[]string{"--stop-timeout", "60"}, 0},
		"more time, docker": {[]string{"-t", "1m"}, 0},
		"no time":           {[]string{"-t", "0"}, 9},
		"another signal":    {[]string{"--signal", "INT"}, 0},
		"KILL":              {[]string{"--signal", "KILL", "-t", "60"}, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlow(t)
			s.start("--stop-timeout", "0.5")
			s.stoppedWith(s.tell("stop", once.options...), once.signal)
			s.named("start")
			s.stoppedWith(s.tell("stop"), 9)
		})
	}
}

// What a dead supervisor has left is stopped by the same options.
func TestStopAnOrphanThisOnce(t *testing.T) {
	for name, once := range map[string][]string{"more time": {"-t", "60"}, "another signal": {"--signal", "INT"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlow(t)
			st := s.start("--stop-timeout", "0.5")
			kill(t, st.SupervisorPID, unix.SIGKILL)
			s.mustBeOrphaned(st.MainPID)
			r := s.tell("stop", once...)
			if r.code != 0 || s.log.count(`killing`) != 0 {
				t.Fatalf("stop: %v\n%s", r, s.log.text())
			}
			s.named("start")
			s.stoppedWith(s.tell("stop"), 9)
		})
	}
}

// A stop that is under way is given more time, or is shortened, by another one; also across the death of
// its supervisor.
func TestStopAnew(t *testing.T) {
	t.Parallel()
	s := newShape(t, "stubborn")
	for _, killed := range []bool{false, true} {
		s.start("--stop-timeout", "300")
		first := launch(t, s.command("stop"))
		st := s.waitState("stopping")
		longer := launch(t, s.command("stop", "-t", "600"))
		eventually(t, "more time", func() bool {
			now := s.status()
			return now.KillAt != nil && time.Until(*now.KillAt) > 500*time.Second
		})
		if killed {
			s.stateFile().waitFor(`"timeout":600000000000`, 1)
			kill(t, st.SupervisorPID, unix.SIGKILL) // the stops go on: they see to what it has left
			eventually(t, "the stop to go on, with the same time", func() bool {
				now := s.status()
				return now.SupervisorPID != 0 && now.SupervisorPID != st.SupervisorPID && now.KillAt != nil && time.Until(*now.KillAt) > 500*time.Second
			})
		}
		if r := s.tell("stop", "-t", "0.1"); r.code != 0 {
			t.Fatalf("stop: %v", r)
		}
		longer.code()
		first.code()
		s.mustNotRun("stopped")
	}
}

// Options that would do nothing are refused, and so are arguments of the program.
func TestOptionsThatDoNothing(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	first := s.start()
	ours := map[string][]string{"stop": {"-t", "--stop-timeout"}, "status": {"-p"}, "history": {"-n"}, "logs": {"-n"}}
	for _, verb := range []string{"stop", "restart", "reload", "status", "signal", "reset", "upgrade", "reopen", "adopt", "forget",
		"logs", "history", "wait", "list", "tree", "events"} {
		for _, option := range [][]string{{"-D"}, {"-n", "3"}, {"-t", "1"}, {"-p"}, {"--clean", "/tmp/x"}, {"-e", "0,1"}, {"--follow-forks"},
			{"--no-follow-forks"}, {"--tracking", "scan"}, {"--stop-timeout", "60"}, {"--reload-signal", "USR1"}, {"--control-group", "adm"},
			{"--output", "/tmp/x"}, {"--output-size", "1M"}, {"--output-keep", "2"}, {"--log", "/dev/null"}, {"--replace"}} {
			if slices.Contains(ours[verb], option[0]) {
				continue
			}
			mustFail(t, call(t, append([]string{verb, "--runtime-dir", s.runtime, "x"}, option...)...), 2, "option "+option[0]+" does not belong to "+verb)
		}
		mustFail(t, call(t, verb, "--runtime-dir", s.runtime, "x", "--", "a", "b c"), 2, verb+" takes no arguments after --", "start --replace PROGRAM -- a 'b c'")
	}
	if now := s.mustRun(); now.MainPID != first.MainPID {
		t.Errorf("first %+v\nthen %+v", first, now)
	}
	s.stop()
}
