//go:build linux

package test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An upgrade needs nothing but what is open: not the folders of logs, nor that of the supervisor itself, nor the
// one in which it was started. What is written goes where it went.
func TestUpgradeWhenAllHasGone(t *testing.T) {
	t.Parallel()
	for what, lose := range map[string]func(s *service, logs string) error{
		"logs": func(_ *service, logs string) error { return os.RemoveAll(logs) },
		"logs, a file": func(_ *service, logs string) error {
			return errors.Join(os.RemoveAll(logs), os.WriteFile(logs, nil, 0))
		},
		"runtime folder": func(s *service, _ string) error { return os.RemoveAll(s.runtime) },
		"lock":           func(s *service, _ string) error { return os.Remove(s.runtime + "/shape.lock") },
		"all":            func(s *service, logs string) error { return errors.Join(os.RemoveAll(logs), os.RemoveAll(s.runtime)) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			logs := tempDir(t)
			s.options = []string{"--log", logs + "/log", "--output", logs + "/out"}
			st := s.start("-t", "0.2")
			if err := lose(s, logs); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				s.upgrade()
			}
			now := s.mustRun()
			if now.MainPID != st.MainPID || now.SupervisorPID != st.SupervisorPID {
				t.Errorf("first %+v\nnow %+v", st, now)
			}
			kill(t, now.MainPID, unix.SIGKILL)
			eventually(t, "it is restarted", func() bool { now := s.status(); return now.State == "running" && now.Restarts == 1 })
			s.stop()
		})
	}
}

// The log of before goes on, though it has no name any more, and what the program writes.
func TestUpgradeKeepsOpenLogs(t *testing.T) {
	t.Parallel()
	s := newService(t, "/bin/sh", "-c", `while :; do echo line; sleep 0.05; done`)
	s.name = "writer"
	out := s.dir + "/out"
	s.start("--output", out)
	held, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := errors.Join(os.Remove(out), os.Mkdir(out, 0o755)); err != nil {
		t.Fatal(err)
	}
	s.upgrade()
	info, err := held.Stat()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "more is written", func() bool { now, err := held.Stat(); return err == nil && now.Size() > info.Size() })
	s.stop()
}

// What a client says of a binary is not believed: the supervisor tries it.
func TestUpgradeOnRequest(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.binary = s.dir + "/respawner"
	copyFile(t, respawner, s.binary)
	st := s.start()
	rename(t, s.binary, s.dir+"/good")
	writeFile(t, s.binary, "#!/bin/sh\nexit 0\n", 0o755)
	s.binary = s.dir + "/good"
	conn, err := net.Dial("unix", s.runtime+"/shape.sock")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintln(conn, `{"v":1,"op":"upgrade","checked":true}`)
	lines := bufio.NewScanner(conn)
	for lines.Scan() && !strings.Contains(lines.Text(), `"code"`) {
	}
	if !strings.Contains(lines.Text(), "can't take over: it is no respawner") {
		t.Errorf("answered: %s (%v)", lines.Text(), lines.Err())
	}
	if now := s.mustRun(); now.SupervisorPID != st.SupervisorPID || now.MainPID != st.MainPID {
		t.Errorf("was %+v\nnow %+v", st, now)
	}
	s.stop()
}

// A binary that is tried, and leaves a child that has its stdout, is not waited for. The child is
// none of the service's.
func TestUpgradeTrialThatLeavesAChild(t *testing.T) {
	t.Parallel()
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "foreground")
		s.binary = s.dir + "/respawner"
		copyFile(t, respawner, s.binary)
		st := s.start("--tracking", step)
		good := s.dir + "/good"
		rename(t, s.binary, good)
		child := textFile{t, s.dir + "/child"}
		writeFile(t, s.binary, fmt.Sprintf("#!/bin/sh\nif [ \"$RESPAWNER_UPGRADE\" = check ]; then sleep 300 & echo $! >%s; fi\nexec %s \"$@\"\n", child.path, good), 0o755)
		s.binary = good
		begun := time.Now()
		s.upgrade()
		if took := time.Since(begun); took > 8*time.Second {
			t.Errorf("it took %v", took)
		}
		now := s.mustRun()
		left := number(child.waitFor(`^(\d+)$`, 1)[1])
		if now.MainPID != st.MainPID || now.SupervisorPID != st.SupervisorPID || len(now.PIDs) != 1 {
			t.Errorf("was %+v\nnow %+v", st, now)
		}
		if r := s.tell("stop"); r.code != 0 || alive(st.MainPID) {
			t.Errorf("stop: %v", r)
		}
		if !alive(left) {
			t.Error("it was none of the service's, and was killed")
		}
		for _, p := range descendants(os.Getpid()) {
			if p.name == "sleep" && p.isIn(belonging(t)) {
				kill(t, p.pid, unix.SIGKILL)
			}
		}
	})
}

func (p process) isIn(all []process) bool {
	for _, q := range all {
		if q.isSame(p) {
			return true
		}
	}
	return false
}
