//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/test/fuse"
)

// soon is far more than any answer takes, and far less than for ever.
const soon = time.Second

// newFrozen is a service with a process that can hold the lock of its memory, so
// that all readers of /proc/PID/environ and cmdline wait. It begins so when freeze is
// called, and ends at the end of the test at the latest.
//
// Its tests run alone: what others look at in /proc would hang, too.
func newFrozen(t *testing.T) (s *service, freeze func() int) {
	t.Helper()
	needShape(t)
	dir, fs := newHanging(t)
	frozen := buildFrozen(t)
	s = newService(t, shape)
	page := writeFile(t, dir+"/page", strings.Repeat("x", unix.Getpagesize()), 0o644)
	gate := s.dir + "/gate"
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("#!/bin/sh\n(read x <%s; exec %s %s) &\necho frozen $! >>%s\nexec %s foreground %[4]s\n",
		gate, frozen, page, s.journal.path, shape)
	s.program = writeFile(t, s.dir+"/daemon", script, 0o755)
	s.name = "daemon"
	return s, func() int {
		t.Helper()
		t.Cleanup(fs.Thaw) // before anything looks for what is left
		return freezeBehind(t, fs, gate, s.truth("frozen", 1))
	}
}

// freezeBehind lets a process go on that waits at a gate, and returns its pid when
// it holds the lock, which it proves.
func freezeBehind(t *testing.T, fs *fuse.FS, gate string, pid int) int {
	t.Helper()
	fs.HangAfter(1)
	if err := os.WriteFile(gate, []byte("go\n"), 0); err != nil {
		t.Fatal(err)
	}
	eventuallyWithin(t, 10*soon, "one of its threads waits for the other", func() bool { return uninterruptible(t, pid) })
	cat := exec.Command("cat", fmt.Sprintf("/proc/%d/environ", pid))
	if err := startChild(cat); err != nil {
		t.Fatal(err)
	}
	eventually(t, "cat hangs", func() bool { p, ok := lookup(cat.Process.Pid); return ok && p.state == 'D' })
	kill(t, cat.Process.Pid, unix.SIGKILL)
	_ = waitChild(cat) // it was killed
	return pid
}

// uninterruptible reports whether a thread of a process is in state D.
func uninterruptible(t *testing.T, pid int) bool {
	t.Helper()
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid)) // the pattern is good
	for _, path := range stats {
		if stat := (textFile{t, path}).text(); stat != "" && parseStat(stat).state == 'D' {
			return true
		}
	}
	return false
}

// answers asserts that a command is answered at once.
func (s *service) answers(verb string, options ...string) result {
	s.t.Helper()
	var r result
	within(s.t, soon, func() { r = finishWithin(s.t, s.command(verb, options...), 10*soon) })
	if r.code != 0 {
		s.t.Errorf("%s: %v", verb, r)
	}
	return r
}

// stopsBesides asserts that a service is stopped, the frozen process too.
func stopsBesides(s *service, frozen int) {
	s.t.Helper()
	if r := finishWithin(s.t, s.command("stop"), 10*soon); r.code != 0 || !strings.Contains(r.stdout, "stopped") {
		s.t.Errorf("stop: %v", r)
	}
	if alive(frozen) {
		s.t.Error("stop has left the frozen process")
	}
}

// A process of the service can be asked nothing: status and stop need not ask it.
func TestStatusBesideTheFrozen(t *testing.T) {
	s, freeze := newFrozen(t)
	st := s.start("--stop-timeout", "0.5")
	frozen := freeze()
	s.answers("status")
	if r := s.answers("status", "--json"); !strings.Contains(r.stdout, fmt.Sprint(frozen)) {
		t.Errorf("status does not have pid %d: %v", frozen, r)
	}
	s.answers("tree")
	within(t, soon, func() { finishWithin(t, command(t, respawner, "list", "--runtime-dir", s.runtime), 10*soon) })
	kill(t, st.MainPID, unix.SIGKILL) // what it leaves is ended before the restart
	s.truth("main", 2)
	s.waitState("running")
	if alive(frozen) {
		t.Error("the frozen process lives beside the second run")
	}
	stopsBesides(s, s.truth("frozen", 2))
}

// Nor must a new supervisor, a new binary, or a stop after the supervisor's death.
func TestAdoptionBesideTheFrozen(t *testing.T) {
	for _, verb := range []string{"adopt", "start", "stop"} {
		t.Run(verb, func(t *testing.T) {
			s, freeze := newFrozen(t)
			st := s.start("--stop-timeout", "0.5")
			frozen := freeze()
			kill(t, st.SupervisorPID, unix.SIGKILL)
			if verb != "stop" {
				s.answers(verb)
				s.answers("status")
				if now := s.status(); now.MainPID != st.MainPID || fmt.Sprint(now.PIDs) != fmt.Sprint(st.PIDs) {
					t.Errorf("first %+v\nthen %+v", st, now)
				}
			}
			stopsBesides(s, frozen)
			s.starts(1)
		})
	}
}

// The frozen process is no business of the service: its environment is looked
// at, for a new supervisor looks for those that are left.
func TestAdoptionBesideAFrozenStranger(t *testing.T) {
	dir, fs := newHanging(t)
	s := newShape(t, "foreground")
	page := writeFile(t, dir+"/page", strings.Repeat("x", unix.Getpagesize()), 0o644)
	gate := s.dir + "/gate"
	frozen := buildFrozen(t)
	if err := unix.Mkfifo(gate, 0o600); err != nil {
		t.Fatal(err)
	}
	st := s.start()
	stranger := launch(t, exec.Command("sh", "-c", fmt.Sprintf("read x <%s; exec %s %s", gate, frozen, page)))
	t.Cleanup(fs.Thaw)
	freezeBehind(t, fs, gate, stranger.pid())
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.answers("adopt")
	s.answers("status")
	s.answers("stop")
	if !alive(stranger.pid()) {
		t.Error("the stranger was killed")
	}
	stranger.signal(unix.SIGKILL)
	stranger.code()
	s.starts(1)
}

// A new binary goes on beside it, whether it is a descendant or was adopted.
func TestUpgradeBesideTheFrozen(t *testing.T) {
	for _, adopted := range []bool{false, true} {
		t.Run(fmt.Sprintf("adopted=%v", adopted), func(t *testing.T) {
			s, freeze := newFrozen(t)
			st := s.start("--stop-timeout", "0.5")
			if adopted {
				s.truth("frozen", 1)
				kill(t, st.SupervisorPID, unix.SIGKILL)
				s.answers("adopt")
				st = s.status()
			}
			frozen := freeze()
			s.answers("upgrade")
			if now := s.status(); now.MainPID != st.MainPID || now.SupervisorPID != st.SupervisorPID || len(now.PIDs) != 2 {
				t.Errorf("first %+v\nthen %+v", st, now)
			}
			s.answers("status")
			stopsBesides(s, frozen)
			s.starts(1)
		})
	}
}
