//go:build linux

package test

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// beside is one more service in the runtime directory of s.
func (s *service) beside(name string) *service {
	other := newShape(s.t, "foreground")
	other.name, other.runtime = name, s.runtime
	return other
}

// listed is list's row of a service, taken apart; nil where it has none.
func (s *service) listed() []string {
	s.t.Helper()
	r := call(s.t, "list", "--runtime-dir", s.runtime)
	if r.code != 0 || r.stderr != "" || strings.Contains(r.stdout, "\x1b") || !strings.HasPrefix(r.stdout, "NAME ") {
		s.t.Fatalf("list: %v", r)
	}
	for row := range strings.Lines(r.stdout) {
		if cells := regexp.MustCompile("  +").Split(strings.TrimSpace(row), -1); cells[0] == s.name {
			return cells
		}
	}
	return nil
}

// Each service has its row: what runs, what waits, what has ended, and what
// has lost its supervisor.
func TestList(t *testing.T) {
	t.Parallel()
	a := newShape(t, "foreground")
	a.name = "a"
	waits, ended, dead := a.beside("waits"), a.beside("ended"), a.beside("dead")
	st := a.start("-n", "3")
	kill(t, waits.start("-t", "100").MainPID, unix.SIGKILL)
	waits.waitState("backoff")
	ended.start()
	if r := ended.tell("stop"); r.code != 0 {
		t.Fatalf("stop: %v", r)
	}
	orphan := dead.start()
	kill(t, orphan.SupervisorPID, unix.SIGKILL)
	kill(t, orphan.MainPID, unix.SIGKILL)

	row := a.listed()
	if len(row) != 7 || row[1] != "running" || row[2] != strconv.Itoa(st.MainPID) || row[4] != "0/3" || row[5] != "1" {
		t.Errorf("what runs: %q", row)
	}
	for s, want := range map[*service][]string{waits: {"backoff", "killed by signal 9 (SIGKILL)"}, ended: {"stopped", ""}, dead: {"failed", "supervisor has died"}} {
		row := s.listed()
		if len(row) != 7 || row[1] != want[0] || row[2] != "-" || row[3] != "-" || !strings.Contains(row[6], want[1]) {
			t.Errorf("%s: %q, want %q", s.name, row, want)
		}
	}
	for _, s := range []*service{dead, waits, a} {
		if r := s.tell("stop"); r.code != 0 {
			t.Errorf("stop: %v", r)
		}
	}
}

// As JSON it is an array of what status prints; an empty one when there is
// nothing, which is no error.
func TestListJSON(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "one"
	if r := call(t, "list", "--json", "--runtime-dir", s.runtime); r.code != 0 || r.stdout != "[]\n" || exists(s.runtime) {
		t.Errorf("of no runtime directory: %v", r)
	}
	if row := s.listed(); row != nil {
		t.Errorf("before the start: %q", row)
	}
	st := s.start()
	var all []status
	r := call(t, "list", "--json", "--runtime-dir", s.runtime)
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || len(all) != 1 || all[0].MainPID != st.MainPID || r.code != 0 {
		t.Errorf("list --json: %v, %v", err, r)
	}
	s.stop()
}

// A supervisor that does not answer does not keep list waiting for long.
func TestListSilent(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "talks"
	hangs := s.beside("hangs")
	s.start()
	st := hangs.start()
	kill(t, st.SupervisorPID, unix.SIGSTOP)
	began := time.Now()
	row := hangs.listed()
	if took := time.Since(began); took > 9*time.Second {
		t.Errorf("list took %v", took)
	}
	if len(row) != 7 || row[1] != "unknown" || !strings.Contains(row[6], "does not answer") {
		t.Errorf("the one that hangs: %q", row)
	}
	if row := s.listed(); len(row) != 7 || row[1] != "running" {
		t.Errorf("the one that talks: %q", row)
	}
	kill(t, st.SupervisorPID, unix.SIGCONT)
	for _, s := range []*service{hangs, s} {
		if r := s.tell("stop"); r.code != 0 {
			t.Errorf("stop: %v", r)
		}
	}
}

// On a terminal list has colours and fits its width. NO_COLOR turns the colours off.
func TestListOnTerminal(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	list := respawner + " list --runtime-dir " + s.runtime
	w := newTerminal(t, 40, 10, list)
	w.ended()
	if text := w.painted(); !strings.Contains(text, "\x1b[32mrunning") || !regexp.MustCompile(`(?m)^shape  running .*\ncode=0`).MatchString(w.screen()) {
		t.Errorf("a terminal shows: %q", text)
	}
	for _, none := range []string{"NO_COLOR=1 ", "TERM=dumb "} {
		w := newTerminal(t, 80, 10, none+list)
		w.ended()
		if text := w.painted(); strings.Contains(text, "\x1b[3") || !strings.Contains(text, "running") {
			t.Errorf("with %sa terminal shows: %q", none, text)
		}
	}
	s.stop()
}
