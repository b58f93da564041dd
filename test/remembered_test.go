//go:build linux

package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newTeller is a service that says in its journal what it was started with.
func newTeller(t *testing.T, args ...string) *service {
	t.Helper()
	dir := tempDir(t)
	script := fmt.Sprintf("#!/bin/sh\necho \"$PORT $PWD $*\" >>%s/journal\nexec sleep 1000\n", dir)
	s := newService(t, writeFile(t, dir+"/teller", script, 0o755), args...)
	s.journal.path = dir + "/journal"
	s.folder, s.env = s.dir, []string{"PORT=1"}
	return s
}

// named runs a command from another folder, with another environment, by the name alone.
func (s *service) named(verb string, options ...string) result {
	s.t.Helper()
	cmd := command(s.t, s.binary, append([]string{verb, "--runtime-dir", s.runtime, s.name}, options...)...)
	cmd.Env, cmd.Dir = append(cmd.Env, "PORT=2"), "/"
	return finish(s.t, cmd)
}

// told asserts what the program was started with, run by run.
func (s *service) told(runs ...string) {
	s.t.Helper()
	s.journal.waitFor(`\d .*`, len(runs))
	if got := strings.Split(strings.TrimSuffix(s.journal.text(), "\n"), "\n"); !slices.Equal(got, runs) {
		s.t.Fatalf("it was started with %q, not %q", got, runs)
	}
}

// A service that was stopped is started again by its name, and by restart, as it was: with its
// command, options, folder and environment.
func TestStartAsBefore(t *testing.T) {
	t.Parallel()
	s := newTeller(t, "one", "two words")
	s.start("-n", "7")
	was := "1 " + s.dir + " one two words"
	for _, verb := range []string{"start", "restart", "start"} {
		s.stop()
		r := s.named(verb)
		st := s.mustRun()
		mustSay(t, r, fmt.Sprintf("teller is running, main pid %d, started as before: %s one 'two words'", st.MainPID, s.program))
		if st.RespawnLimit != 7 {
			t.Errorf("after %s: %+v", verb, st)
		}
	}
	if r := s.named("start"); r.code != 0 || !saysAlready(r) {
		t.Errorf("start by name of what runs: %v", r)
	}
	s.told(was, was, was, was)
	s.stop()
}

// It is what was started last that is remembered. With options, with -- or with a path start means a
// program.
func TestStartedLast(t *testing.T) {
	t.Parallel()
	s := newTeller(t, "one")
	s.start()
	s.stop()
	s.args = nil
	s.env = []string{"PORT=3"}
	s.start()
	s.stop()
	if r := s.named("start"); r.code != 0 {
		t.Errorf("start: %v", r)
	}
	s.stop()
	s.told("1 "+s.dir+" one", "3 "+s.dir+" ", "3 "+s.dir+" ")
	mustFail(t, s.named("start", "-n", "3"), 127, "teller: no such program in $PATH; ", "as before by respawner start teller alone")
	mustFail(t, s.named("start", "--"), 127, "teller: no such program in $PATH")
	if r := s.named("start"); r.code != 0 {
		t.Errorf("start, after starts that came to nothing: %v", r)
	}
	s.stop()
}

// What has failed is started again by its name, in the foreground too.
func TestStartWhatHasFailed(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground", "exit=1")
	st := s.start("-n", "1", "-t", "0")
	kill(t, st.MainPID, unix.SIGTERM)
	kill(t, s.waitRestart(st).MainPID, unix.SIGTERM)
	s.waitEnd(st, "failed")
	if r := s.named("restart"); r.code != 0 {
		t.Errorf("restart: %v", r)
	}
	s.stop()
	r := launch(t, s.command("start", "-D"))
	s.tell("wait")
	s.stop()
	r.code()
	cmd := command(t, s.binary, "start", "-D", "--runtime-dir", s.runtime, "shape")
	again := launch(t, cmd)
	s.tell("wait")
	if now := s.mustRun(); now.SupervisorPID != again.pid() || now.RespawnLimit != 0 {
		t.Errorf("in the foreground it is %+v", now)
	}
	s.stop()
	again.code()
	s.starts(5)
}

func (s *service) waitRestart(before status) (now status) {
	s.t.Helper()
	eventually(s.t, "the restart", func() bool {
		now = s.status()
		return now.State == "running" && now.MainPID != before.MainPID
	})
	return now
}

// After a crash of its supervisor the name is enough as well.
func TestTakeoverByName(t *testing.T) {
	t.Parallel()
	s := newTeller(t, "one")
	st := s.start("-n", "7")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.mustBeOrphaned(st.MainPID)
	if r := s.named("start"); r.code != 0 || strings.Contains(r.stdout, "started as before") {
		t.Errorf("start: %v", r)
	}
	if now := s.mustRun(); now.MainPID != st.MainPID || now.RespawnLimit != 7 {
		t.Errorf("was %+v\nnow %+v", st, now)
	}
	s.told("1 " + s.dir + " one")
	s.stop()
}

// A start that comes to nothing leaves nothing to be remembered; of a service that was known it is told
// that it failed.
func TestNothingToRemember(t *testing.T) {
	t.Parallel()
	s := newShell(t, "exit 127")
	if r := s.tell("start"); r.code != 127 {
		t.Errorf("start: %v", r)
	}
	mustFail(t, s.tell("restart"), 1, "no service sh here")
	mustFail(t, s.tell("stop"), 1, "no service sh here")
	s.args = []string{"-c", "exec sleep 1000"}
	s.start()
	s.stop()
	s.args = []string{"-c", "exit 127"}
	if r := s.tell("start"); r.code != 127 {
		t.Errorf("start: %v", r)
	}
	s.mustNotRun("failed")
}

// Only the owner can read what is remembered, and root runs nothing that another user could have
// written.
func TestRememberedByAnother(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newTeller(t, "one")
	s.start()
	s.stop()
	path := s.runtime + "/teller.command"
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(how string) {
		t.Helper()
		for _, verb := range []string{"start", "restart"} {
			r := s.named(verb)
			mustFail(t, r, 1, "how teller was started: ")
			if t.Failed() {
				t.Fatalf("%s, %s: %v", how, verb, r)
			}
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Chown(path, 23451, -1))
	refused("of another user")
	check(os.Chown(path, 0, -1))
	check(os.Chmod(path, 0o666))
	refused("that others can write")
	check(os.Chmod(path, 0o600))
	for how, text := range map[string]string{
		"garbled": "\x00{{", "half": string(text[:len(text)/2]), "empty": "", "a relative program": strings.Replace(string(text), `"program":"/`, `"program":"`, 1),
		"a NUL": strings.Replace(string(text), `"one"`, `"o\u0000ne"`, 1),
	} {
		writeFile(t, path, text, 0o600)
		refused(how)
	}
	check(os.Remove(path))
	check(os.Symlink(writeFile(t, s.dir+"/elsewhere", string(text), 0o600), path))
	refused("a link")
	check(os.Remove(path))
	check(unix.Mkfifo(path, 0o600))
	refused("a FIFO")
	check(os.Remove(path))
	writeFile(t, path, string(text), 0o600)
	check(os.Chown(s.runtime, 23451, -1))
	mustFail(t, s.named("restart"), 1, "belongs to uid 23451")
	mustFail(t, s.named("start"), 1, "belongs to uid 23451")
	check(os.Chown(s.runtime, 0, -1))
	if r := s.named("start"); r.code != 0 {
		t.Errorf("start: %v", r)
	}
	s.stop()
}

// In top r starts what has ended.
func TestTopStartsWhatHasEnded(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	s.stop()
	w := newTerminal(t, 80, 24, respawner+" top --runtime-dir "+s.runtime)
	w.shows(`^> shape +stopped`)
	w.press("r")
	w.shows(`^shape is running, main pid \d+, started as before`)
	w.press("q")
	s.starts(2)
	s.stop()
}
