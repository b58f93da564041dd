//go:build linux

package test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// files are the files of the runtime directory, and those below it.
func (s *service) files() (files []string) {
	s.t.Helper()
	for _, dir := range []string{s.runtime, s.runtime + "/pipes", s.runtime + "/log"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				files = append(files, dir+"/"+e.Name())
			}
		}
	}
	return files
}

// Forget leaves nothing of what has ended: not in list, not to be started, not in the history, and no
// file.
func TestForget(t *testing.T) {
	t.Parallel()
	s := newShell(t, "seq 1 5000; exec sleep 1000")
	st := s.start("--output-size", "4K")
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	s.stop()
	if len(s.files()) < 4 {
		t.Fatalf("kept is %q", s.files())
	}
	mustSay(t, s.tell("forget"), "sh is forgotten")
	if left := s.files(); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if s.listed() != nil {
		t.Error("list shows it")
	}
	mustFail(t, s.tell("restart"), 1, "no service sh here")
	mustFail(t, s.tell("forget"), 1, "no service sh here")
	mustFail(t, s.tell("history"), 1, "nothing is recorded")
	s.start()
	s.stop()
}

// What has a supervisor, or processes that a dead one has left, is not forgotten.
func TestForgetWhatRuns(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	mustFail(t, s.tell("forget"), 1, "shape has a supervisor", "respawner stop shape")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.mustBeOrphaned(st.MainPID)
	mustFail(t, s.tell("forget"), 1, "its supervisor has died", "respawner stop shape")
	if now := s.start(); now.MainPID != st.MainPID {
		t.Errorf("was %+v\nnow %+v", st, now)
	}
	s.stop()
}

// A file that the user has named is the user's. Several are forgotten by a pattern.
func TestForgetSeveral(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "x1"
	other, third := s.beside("x2"), s.beside("y")
	mine := textFile{t, s.dir + "/mine"}
	s.start("--output", mine.path)
	other.start()
	third.start()
	for _, one := range []*service{s, other} {
		one.quietStop()
	}
	r := call(t, "forget", "--runtime-dir", s.runtime, "x*")
	mustSay(t, r, "x1 is forgotten\nx2 is forgotten")
	if !exists(mine.path) {
		t.Error("the user's file is gone")
	}
	third.stop()
	third.mustNotRun("stopped")
	if r := third.tell("restart"); r.code != 0 {
		t.Errorf("restart of the third: %v", r)
	}
	third.stop()
}
