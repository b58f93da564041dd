//go:build linux

package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A service that runs with another command, or with other options, is not what was asked for: start
// says in what, fails, and changes nothing.
func TestStartWithAnotherCommand(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	first := s.start("-t", "7")
	args := s.args
	for _, other := range []struct {
		args, options []string
		saying        string
	}{
		{args, []string{"-t", "7s", "-n", "3"}, "with --respawn-limit 0, not 3: "},
		{args, nil, "with --respawn-timeout 7s, not 5s: "},
		{args, []string{"-t", "7", "-p", "/nosuch/x.pid"}, "--pidfile none, not /nosuch/x.pid"},
		{append(args[:len(args):len(args)], "exit=3"), []string{"-t", "7"}, "with arguments foreground " + args[1] + ", not foreground "},
	} {
		s.args = other.args
		mustFail(t, s.tell("start", other.options...), 1, "shape already runs, but ", other.saying, "respawner restart shape", "start --replace")
	}
	s.args = args
	if r := s.tell("start", "-t", "7.0", "-n", "0"); r.code != 0 || !saysAlready(r) {
		t.Errorf("the same in other words: %v", r)
	}
	s.folder = s.dir
	if r := s.tell("start", "-t", "7"); r.code != 0 || !saysAlready(r) {
		t.Errorf("from another folder: %v", r)
	}
	if now := s.mustRun(); now.MainPID != first.MainPID || now.SupervisorPID != first.SupervisorPID {
		t.Errorf("first %+v\nthen %+v", first, now)
	}
	s.starts(1)
	s.stop()
}

// Of another program it is the same, in the foreground too.
func TestStartOfAnotherProgram(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "x"
	s.start()
	for _, options := range [][]string{nil, {"-D"}} {
		words := append([]string{"start", "--runtime-dir", s.runtime, "--log", s.log.path, "--name", "x"}, options...)
		mustFail(t, call(t, append(words, "sleep", "--", "1000")...), 1, "program "+shape+", not /", "/sleep, arguments foreground", "not 1000")
	}
	s.starts(1)
	s.stop()
}

// In backoff it says so, and why, and when it is started again.
func TestStartInBackoff(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "300")
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	mustFail(t, s.tell("start", "-t", "300"), 1, "shape has crashed", "killed by signal 9 (SIGKILL)", "started again in 4m", "respawner reset shape")
	mustFail(t, call(t, "start", "--runtime-dir", s.runtime, "shape"), 1, "shape has crashed")
	s.mustNotRun("backoff")
	s.stop()
	s.starts(1)
}

// With --replace the old one is ended first, whatever state it is in, and the new one started.
func TestStartReplaces(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	first := s.start("--replace")
	second := s.start("--replace", "-n", "3")
	if alive(first.MainPID) || alive(first.SupervisorPID) || second.RespawnLimit != 3 {
		t.Errorf("first %+v\nsecond %+v", first, second)
	}
	kill(t, second.SupervisorPID, unix.SIGKILL)
	args := s.args
	s.args = append(args[:len(args):len(args)], "exit=1")
	mustFail(t, s.tell("start"), 1, "shape runs on without a supervisor", "respawner adopt shape", "start --replace")
	s.mustBeOrphaned(second.MainPID)
	third := s.start("--replace", "-t", "300")
	if alive(second.MainPID) {
		t.Error("two instances")
	}
	kill(t, third.MainPID, unix.SIGTERM) // exit status 1: a crash
	s.waitState("backoff")
	s.args = args
	s.start("--replace")
	s.starts(4)
	s.stop()
}

// What can't be started replaces nothing.
func TestReplaceByNothing(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	first := s.start()
	words := []string{"start", "--replace", "--runtime-dir", s.runtime, "--name", "shape", s.dir + "/nosuch"}
	mustFail(t, call(t, words...), 127, "no such program")
	if now := s.mustRun(); now.MainPID != first.MainPID {
		t.Errorf("first %+v\nthen %+v", first, now)
	}
	s.stop()
}
