//go:build linux

package test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newTalker is a service that greets, and says why when it is told to crash.
func newTalker(t *testing.T) (s *service, crash func()) {
	t.Helper()
	dir := tempDir(t)
	fifo := dir + "/crash"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s = newShell(t, `echo starting up; read how <`+fifo+`; echo "FATAL: lost the $how" >&2; exit 1`)
	return s, func() {
		t.Helper()
		if err := os.WriteFile(fifo, []byte("database\n"), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// status quotes what the program said before it crashed, also when it runs again and has said other
// things since.
func TestItSaidBeforeTheCrash(t *testing.T) {
	t.Parallel()
	s, crash := newTalker(t)
	want := []string{"starting up", "FATAL: lost the database"}
	s.start("-t", "0.2")
	crash()
	s.log.waitFor(`restarted\(1/0\)`, 1)
	now := s.waitState("running")
	s.kept().waitFor(`starting up$`, 2)
	if !slices.Equal(now.Said, want) || !slices.Equal(s.status().Said, want) {
		t.Errorf("it said %q, not %q", now.Said, want)
	}
	quote := "\n  it said     | starting up\n              | FATAL: lost the database\n"
	if r := s.tell("status"); !strings.Contains(r.stdout, quote) || len(matches(`^  last exit +pid \d+ exited, status 1, .*\n  it said`, r.stdout)) != 1 {
		t.Errorf("the words should stand below the last exit: %v", r)
	}
	if r := s.tell("restart"); r.code != 0 {
		t.Fatalf("restart: %v", r)
	}
	if now := s.status(); now.Said != nil {
		t.Errorf("the last exit is another one, which nothing was said of: %q", now.Said)
	}
	s.stop()
}

// So it is with one that was given up.
func TestItSaidWhenGivenUp(t *testing.T) {
	t.Parallel()
	s, crash := newTalker(t)
	st := s.start("-t", "0.2", "-n", "1")
	crash()
	s.log.waitFor(`restarted\(1/1\)`, 1)
	s.waitState("running")
	crash()
	if end := s.waitEnd(st, "failed"); !slices.Equal(end.Said, []string{"starting up", "FATAL: lost the database"}) {
		t.Errorf("it said %q", end.Said)
	}
}
