//go:build linux

package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// With -D the program's exit status is respawner's, as a container's is: 128 and the signal for a
// program that was killed.
func TestForegroundCode(t *testing.T) {
	for name, tt := range map[string]struct {
		script  string
		options []string
		code    int
	}{
		"a normal end":        {"sleep 0.4; exit 0", nil, 0},
		"at once":             {"exit 0", nil, 0},
		"a success of -e":     {"sleep 0.4; exit 3", []string{"-e", "0,3"}, 3},
		"given up":            {"sleep 0.4; exit 5", []string{"-n", "1", "-t", "0.05"}, 5},
		"given up at once":    {"exit 5", []string{"-n", "1", "-t", "0.05"}, 5},
		"killed":              {"sleep 0.4; kill -SEGV $$", []string{"-n", "1", "-t", "0.05"}, 128 + 11},
		"cannot be executed":  {"exit 127", nil, 127},
		"fails with status 0": {"exit 0", []string{"--follow-forks"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, tt.script)
			if r := s.tell("start", append(tt.options, "-D")...); r.code != tt.code {
				t.Errorf("exit code %d is wanted: %v", tt.code, r)
			}
		})
	}
}

// So it is after a stop, whichever way it was asked for.
func TestForegroundCodeOfAStop(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		code   int
	}{
		"ends by the signal": {`exec sleep 300`, 128 + 15},
		"has a handler":      {`trap 'exit 7' TERM; sleep 300 & wait`, 7},
		"is killed":          {`trap '' TERM; exec sleep 300`, 128 + 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, stop := range []func(s *service, r *running){
				func(_ *service, r *running) { r.signal(unix.SIGTERM) },
				func(s *service, _ *running) { s.quietStop() },
			} {
				s := newShell(t, tt.script)
				r := launch(t, s.command("start", "-D", "--stop-timeout", "0.3"))
				s.waitState("running")
				stop(s, r)
				if code := r.code(); code != tt.code {
					t.Errorf("exit code %d, not %d", code, tt.code)
				}
			}
		})
	}
}

// A daemon's exit status is that of its main process.
func TestForegroundCodeOfADaemon(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork", "exit=4")
	r := launch(t, s.command("start", "-D", "--follow-forks"))
	s.waitState("running")
	r.signal(unix.SIGTERM)
	if code := r.code(); code != 4 {
		t.Errorf("exit code %d, not the daemon's 4", code)
	}
}

// Messages stand between the program's lines, so each has its time.
func TestForegroundMessagesHaveTimes(t *testing.T) {
	t.Parallel()
	s := newShell(t, "sleep 0.4; exit 5")
	cmd := command(t, respawner, "start", "-D", "--runtime-dir", s.runtime, "-n", "1", "-t", "0.05", "sh", "--", "-c", s.args[1])
	r := launch(t, cmd)
	r.code()
	text := r.stderr.text()
	if lines, stamped := len(matches(`^`, text)), len(matches(`^`+stamp+`respawner\[\d+\]: (warning: )?\S`, text)); stamped < 5 || stamped != lines-1 {
		t.Errorf("%d lines, %d with a time:\n%s", lines-1, stamped, text)
	}
}
