//go:build linux

package test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// With -D it stays, logs to stderr, and TERM or INT is a stop.
func TestForeground(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT} {
		t.Run(unix.SignalName(sig), func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "double-fork")
			r := launch(t, command(t, respawner, append([]string{
				"start", "-D", "--runtime-dir", s.runtime, "--follow-forks", "-t", "0.1", s.program, "--"}, s.args...)...))
			r.stderr.waitFor(fmt.Sprintf(`started \(pid %d\), command: start shape`, r.pid()), 1)
			first := s.truth("main", 1)
			st := s.waitState("running")
			if st.SupervisorPID != r.pid() || st.MainPID != first {
				t.Errorf("supervisor %d, main %d, but status says %+v", r.pid(), first, st)
			}
			kill(t, first, unix.SIGKILL)
			r.stderr.waitFor(`shape restarted\(1/0\), pid \d+`, 1)
			second := s.truth("main", 2)
			s.waitState("running")

			r.signal(sig)
			if code := r.code(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			if left := belonging(t); len(left) > 0 {
				t.Errorf("left:\n%s", list(left))
			}
			r.stderr.inOrder(
				`shape started, pid \d+`, fmt.Sprintf(`proc %d killed by signo 9`, first),
				`restarted\(1/0\)`, fmt.Sprintf(`proc %d exited, status 0`, second), `stopped`,
			)
			s.mustNotRun("stopped")
		})
	}
}

// Stop from elsewhere ends it as well.
func TestForegroundStop(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	r := launch(t, s.command("start", "-D"))
	s.waitState("running")
	if stop := s.tell("stop"); stop.code != 0 {
		t.Errorf("stop: %v", stop)
	}
	if code := r.code(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// Options may stand before the command, after it, and after the program's
// name; after -- all words are the program's.
func TestOptionsAnywhere(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	words := []string{"--runtime-dir", s.runtime, "-n", "3", "start", "--name", "elsewhere", s.program,
		"--respawn-timeout=90", "--log", s.log.path, "-e", "0,9", "--", "foreground", s.journal.path, "exit=9"}
	if r := call(t, words...); r.code != 0 {
		t.Fatalf("%v: %v", words, r)
	}
	s.name = "elsewhere"
	st := s.mustRun()
	if st.RespawnLimit != 3 || st.MainPID != s.truth("main", 1) {
		t.Errorf("status: %+v", st)
	}
	kill(t, st.MainPID, unix.SIGTERM)
	if end := s.waitEnd(st, "stopped"); end.LastExit.Code != 9 {
		t.Errorf("last exit: %+v", end.LastExit)
	}

	words = []string{"status", "elsewhere", "--runtime-dir=" + s.runtime}
	if r := call(t, words...); r.code != 3 {
		t.Errorf("%v: %v", words, r)
	}
}

// What follows -- is the program's, though it looks like options of ours.
func TestArgumentsAreThePrograms(t *testing.T) {
	t.Parallel()
	s := newService(t, "sh")
	s.args = []string{"-c", `printf "%s " "$0" "$@" >"$J"; exec sleep 300`, "-n", "5", "--", "stop"}
	start := s.command("start")
	start.Env = append(start.Env, "J="+s.journal.path)
	if r := finish(t, start); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	s.journal.waitFor(`^-n 5 -- stop $`, 1)
	if st := s.mustRun(); st.RespawnLimit != 0 {
		t.Errorf("status: %+v", st)
	}
	s.stop()
}

// The runtime directory may come from the environment, and is for us alone.
func TestRuntimeDirOfTheEnvironment(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	env := "RESPAWNER_RUNTIME_DIR=" + s.runtime
	for _, verb := range []string{"start", "status", "stop"} {
		words := []string{verb, s.program}
		if verb == "start" {
			words = append(words, "--log", s.log.path, "--")
			words = append(words, s.args...)
		}
		cmd := command(t, respawner, words...)
		cmd.Env = append(cmd.Env, env)
		if r := finish(t, cmd); r.code != 0 {
			t.Errorf("%s: %v", verb, r)
		}
	}
	info, err := os.Stat(s.runtime)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v, %v", s.runtime, info, err)
	}
}
