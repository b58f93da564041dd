//go:build linux

package test

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A daemon may come up in any shape. For each: the right main process, kill -9
// of it is noticed and it is restarted exactly once, no restart where nothing
// died, and a stop leaves no process.
func TestShapes(t *testing.T) {
	const on, auto, off = "--follow-forks", "", "--no-follow-forks"
	shapes := []struct {
		shape   string
		follows []string
	}{
		{"foreground", []string{auto, off}},
		{"single-fork", []string{on, auto}},
		{"double-fork", []string{on, auto}},
		{"late-starter", []string{on}},
		{"late-middle", []string{on, auto}},
		{"helper-before", []string{on, auto}},
		{"helper-after", []string{on, auto}},
		{"helper-brief", []string{on, auto}},
		{"helper-child", []string{on, auto}},
		{"clone-parent", []string{on}},
		{"starter-fails", []string{on}},
		{"escapees", []string{auto, off}},
	}
	for _, step := range steps(t) {
		for _, test := range shapes {
			follows := test.follows
			if testing.Short() { // the machine decides that, and it is the same on all kernels
				follows = follows[:1]
			}
			for _, follow := range follows {
				if step == "pidfile" && follow == auto {
					continue // -p means --follow-forks
				}
				t.Run(step+"/"+test.shape+follow, func(t *testing.T) {
					t.Parallel()
					s := newShape(t, test.shape)
					s.track(step)
					st := startShape(s, follow)
					if want := (follow == on || test.shape != "foreground" && test.shape != "escapees"); st.Followed != want {
						t.Errorf("put itself into the background: %v, but status says %v", want, st.Followed)
					}
					s.quiet()
					mustBeMain(s, s.crash(st.MainPID), 2)
					s.quiet()
					if now := s.mustRun(); now.Tracking != step {
						t.Errorf("tracking is %q (%s), not %q any more", now.Tracking, now.Reason, step)
					}
					s.starts(2)
					s.stop()
				})
			}
		}
	}
}

func startShape(s *service, follow string) status {
	s.t.Helper()
	options := []string{"-t", "0.5", "--stop-timeout", "1"}
	if follow != "" {
		options = append(options, follow)
	}
	return mustBeMain(s, s.start(options...), 1)
}

// mustBeMain holds the main process against the journal.
func mustBeMain(s *service, st status, run int) status {
	s.t.Helper()
	if want := s.truth("main", run); st.MainPID != want {
		s.t.Fatalf("main is %d, but status says: %+v", want, st)
	}
	return st
}

// A starter that takes its time is up itself, until it hands over.
func TestLateStarterUnannounced(t *testing.T) {
	t.Parallel()
	s := newShape(t, "late-starter", "linger=3000")
	st := s.start("-t", "0.2")
	if starter := s.truth("start", 1); st.MainPID != starter {
		t.Errorf("main is the starter, %d, but status says: %+v", starter, st)
	}
	daemon := s.truth("main", 1)
	eventually(t, "the daemon is main", func() bool { return s.status().MainPID == daemon })
	s.quiet()
	if now := s.mustRun(); !now.Followed || now.Restarts != 0 {
		t.Errorf("after the starter has left: %+v", now)
	}
	s.crash(daemon)
	s.stop()
	s.starts(2)
}

// A helper beside the daemon could be the daemon, for all that can be
// known from outside: its crash is the service's crash.
func TestHelperBesideTheDaemonIsKilled(t *testing.T) {
	for _, shape := range []string{"helper-before", "helper-after"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, shape)
			startShape(s, "--follow-forks")
			mustBeMain(s, s.crash(s.truth("helper", 1)), 2)
			s.quiet()
			s.starts(2)
			s.stop()
		})
	}
}

// A helper that is the daemon's own child is the daemon's to mend.
func TestHelperBelowTheDaemonIsKilled(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-child")
	st := startShape(s, "--follow-forks")
	kill(t, s.truth("helper", 1), unix.SIGKILL)
	s.quiet()
	mustBeMain(s, s.mustRun(), 1)
	mustBeMain(s, s.crash(st.MainPID), 2)
	s.stop()
}

// A helper that has done its work and goes is nothing to worry about.
func TestHelperEnds(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-brief")
	st := startShape(s, "--follow-forks")
	waitDead(t, s.truth("helper", 1))
	s.quiet()
	if now := mustBeMain(s, s.mustRun(), 1); now.Restarts != 0 {
		t.Errorf("restarts %d", now.Restarts)
	}
	mustBeMain(s, s.crash(st.MainPID), 2)
	s.starts(2)
	s.stop()
}

// Where it can't be known which of two processes is the daemon, the death of either is
// noticed.
func TestTwins(t *testing.T) {
	for _, victim := range []string{"first", "second"} {
		t.Run(victim, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "twins")
			s.start("-t", "0.2", "--follow-forks")
			s.quiet()
			s.crash(s.truth(victim, 1))
			s.truth("first", 2)
			s.truth("second", 2)
			s.quiet()
			s.starts(2)
			s.stop()
		})
	}
}

// A program that starts nothing lasting and ends well has done what it was
// asked for.
func TestLauncherLeavesNobody(t *testing.T) {
	for _, follow := range []string{"", "--no-follow-forks", "-D"} {
		t.Run(follow, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "launcher")
			options := slices.DeleteFunc([]string{"-t", "0", follow}, func(o string) bool { return o == "" })
			if r := s.tell("start", options...); r.code != 0 {
				t.Errorf("start: %v", r)
			}
			s.log.waitFor(`exited, status 0\b`, 1)
			eventually(t, "the supervisor's end", func() bool { return len(belonging(t)) == 0 })
			s.mustNotRun("stopped")
			s.starts(1)
		})
	}
}

// One that was said to stay in the background, and leaves nothing there, has
// failed: start says so, with its last words, and nothing is tried again.
func TestNothingIsLeftInTheBackground(t *testing.T) {
	t.Parallel()
	s := newService(t, "/bin/sh", "-c", "echo already running; exit 0")
	s.name = "nothing"
	r := s.tell("start", "-t", "0", "--follow-forks")
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "left no process behind") || !strings.Contains(r.stderr, "already running") {
		t.Errorf("start: %v", r)
	}
	eventually(t, "the supervisor's end", func() bool { return len(belonging(t)) == 0 })
	s.mustNotRun("stopped")
	if n := s.log.count(`^.*nothing (re)?started`); n != 1 {
		t.Errorf("it was started %d times", n)
	}
}

// A starter that fails has failed, even when it has left a daemon, unless
// respawner was told to follow whatever is left.
func TestStarterFailsUnfollowed(t *testing.T) {
	t.Parallel()
	s := newShape(t, "starter-fails")
	if r := s.tell("start", "-t", "0.2", "-n", "1"); r.code != 1 {
		t.Errorf("start: %v", r)
	}
	eventually(t, "the supervisor's end", func() bool { return len(belonging(t)) == 0 })
	s.mustNotRun("failed")
	s.starts(2)
}
