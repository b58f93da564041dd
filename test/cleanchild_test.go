//go:build linux

package test

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// A started program finds the world in order, however respawner was started:
// no signal blocked or ignored, no descriptor but the three, a session of its
// own, the caller's directory.
func TestCleanChild(t *testing.T) {
	for _, where := range []string{"background", "foreground"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			cmd := s.command("start", "-t", "0.1")
			if where == "foreground" {
				cmd = s.command("start", "-t", "0.1", "-D")
			}
			cmd.Args = append([]string{shape, "unclean", respawner}, cmd.Args[1:]...)
			cmd.Path, cmd.Dir = shape, s.dir
			if where == "foreground" {
				launch(t, cmd)
			} else if r := finish(t, cmd); r.code != 0 {
				t.Fatalf("start: %v", r)
			}
			st := s.waitState("running")
			mustBeClean(t, st.MainPID, s.dir)
			mustBeClean(t, s.crash(st.MainPID).MainPID, s.dir)
			if r := s.tell("stop"); r.code != 0 {
				t.Errorf("stop: %v", r)
			}
		})
	}
}

func mustBeClean(t *testing.T, pid int, dir string) {
	t.Helper()
	self, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, mask := range []string{"SigBlk", "SigIgn"} {
		if got := matches(`^`+mask+`:\s+(\w+)$`, string(self)); len(got) != 1 || got[0][1] != "0000000000000000" {
			t.Errorf("%s: %v", mask, got)
		}
	}
	if fds := descriptors(t, pid); !slices.Equal(fds, []string{"0", "1", "2"}) {
		t.Errorf("open descriptors: %v", fds)
	}
	if p, ok := lookup(pid); !ok || p.session != pid {
		t.Errorf("its session is %d, not its own, %d", p.session, pid)
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid)); err != nil || cwd != dir {
		t.Errorf("it is in %s, not in %s (%v)", cwd, dir, err)
	}
}

// descriptors are the open ones of a process.
func descriptors(t *testing.T, pid int) []string {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	var fds []string
	for _, e := range entries {
		fds = append(fds, e.Name())
	}
	return fds
}

// The program gets the caller's environment.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo "$GREETING" >"$J"; exec sleep 300`)
	cmd := s.command("start")
	cmd.Env = append(cmd.Env, "GREETING=good morning", "J="+s.journal.path)
	if r := finish(t, cmd); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	s.journal.waitFor(`^good morning$`, 1)
	s.stop()
}
