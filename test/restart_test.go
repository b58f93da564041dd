//go:build linux

package test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Restart ends the service and starts it anew under the same supervisor: never
// two at a time, and nothing that counts as a crash.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork", "refuse", "pidfile=")
	s.args[len(s.args)-1] += s.dir + "/pidfile" // while it is there, no other one starts
	before := s.start("--follow-forks", "-t", "300")
	for run := 2; run <= 4; run++ {
		r := s.tell("restart")
		now := mustBeMain(s, s.mustRun(), run)
		if want := s.name + " is running, main pid " + strconv.Itoa(now.MainPID) + "\n"; r.code != 0 || r.stdout != want {
			t.Fatalf("restart should say %q: %v", want, r)
		}
		if now.Restarts != 0 || now.SupervisorPID != before.SupervisorPID || alive(before.MainPID) {
			t.Errorf("before: %+v\nnow: %+v", before, now)
		}
		before = now
	}
	s.starts(4)
	s.stop()
}

// A restart that does not come up again says so, and the supervisor goes on.
func TestRestartThatCrashes(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	s := newService(t, writeFile(t, dir+"/fragile", "#!/bin/sh\nexec sleep 300\n", 0o755))
	st := s.start("-t", "300")
	writeFile(t, dir+"/fragile.new", "#!/bin/sh\nexit 7\n", 0o755)
	rename(t, dir+"/fragile.new", dir+"/fragile")
	mustFail(t, s.tell("restart"), 1, "exited, status 7 before it was up; it is tried again")
	if now := s.mustNotRun("backoff"); now.SupervisorPID != st.SupervisorPID {
		t.Errorf("before: %+v\nnow: %+v", st, now)
	}
	s.stop()
}

// What has no supervisor can't be acted on: each command says so, of a name that is unknown too, and how to start
// what is known.
func TestActOnNobody(t *testing.T) {
	t.Parallel()
	s := newService(t, "never-heard-of")
	for _, words := range [][]string{{"restart"}, {"reload"}, {"signal", "USR1"}, {"reset"}} {
		mustFail(t, s.tell(words[0], words[1:]...), 1, "no service never-heard-of here")
	}
	if exists(s.runtime) {
		t.Error("asking has made the runtime directory")
	}
	known := newShape(t, "foreground")
	known.start()
	known.stop()
	for _, words := range [][]string{{"reload"}, {"signal", "USR1"}, {"reset"}} {
		mustFail(t, known.tell(words[0], words[1:]...), 1, "shape is not running: respawner start shape starts it as before")
	}
}

// Several names and patterns, in the order of the words, each service once.
func TestPatterns(t *testing.T) {
	t.Parallel()
	a, b, c := newShape(t, "foreground"), newShape(t, "foreground"), newShape(t, "foreground")
	a.name, b.name, c.name = "web1", "web2", "db"
	b.runtime, c.runtime = a.runtime, a.runtime
	for _, s := range []*service{a, b, c} {
		s.start()
	}
	tell := func(words ...string) result {
		return call(t, append(words, "--runtime-dir", a.runtime)...)
	}
	for words, want := range map[string]string{
		"db web*":  "db web1 web2",
		"web2 *":   "web2 db web1",
		"web[1-7]": "web1 web2",
	} {
		r := tell(append([]string{"restart"}, strings.Fields(words)...)...)
		var said []string
		for _, m := range matches(`^(\S+) is running, main pid \d+$`, r.stdout) {
			said = append(said, m[1])
		}
		if got := strings.Join(said, " "); r.code != 0 || got != want {
			t.Errorf("restart %s: said %q, want %q: %v", words, got, want, r)
		}
	}
	mustFail(t, tell("restart", "web*", "mail*"), 1, "mail*")
	mustFail(t, tell("stop", "mail*"), 1, "mail*")
	mustFail(t, tell("status", "mail*"), 4, "mail*")
	mustFail(t, tell("stop", "[z-"), 2, "[z-")
	b.starts(4)
	if r := tell("stop", "*"); r.code != 0 || !regexp.MustCompile(`^db was stopped\nweb1 was stopped\nweb2 was stopped\n$`).MatchString(r.stdout) {
		t.Errorf("stop: %v", r)
	}
	for _, s := range []*service{a, b, c} {
		s.mustNotRun("stopped")
	}
	b.start()
	if r := tell("reset", "web*"); r.code != 0 || r.stdout != "web2 was reset, it is running\n" {
		t.Errorf("a pattern means those that can be acted on: %v", r)
	}
	b.stop()
}

// An option that a command does not take is refused before anything is done.
func TestOptionOfAnotherCommand(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	mustFail(t, s.tell("restart", "-n", "3"), 2, "-n does not belong to restart, but to start")
	mustFail(t, s.tell("stop", "--json"), 2, "--json does not belong to stop")
	if now := s.mustRun(); now.MainPID != st.MainPID {
		t.Errorf("something was done: %+v", now)
	}
	s.stop()
}
