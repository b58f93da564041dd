//go:build linux

package test

import (
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fewFiles is how many descriptors a supervisor may have in these tests, and
// crowd how many processes its service has.
const (
	fewFiles = 128
	crowd    = 200
)

// withFewFiles has a command run with few descriptors.
func withFewFiles(cmd *exec.Cmd) *exec.Cmd {
	limited := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, fewFiles)}, cmd.Args...)...)
	limited.Env, limited.WaitDelay = cmd.Env, cmd.WaitDelay
	return limited
}

// newCrowd is a service of more processes than its supervisor may have
// descriptors, run by a supervisor that runs.
func newCrowd(t *testing.T, options ...string) (*service, status) {
	t.Helper()
	s := newShell(t, fmt.Sprintf(`i=0; while [ $((i+=1)) -lt %d ]; do sleep 300 & done; echo start $$ >>"$0"; wait`, crowd))
	s.args = append(s.args, s.journal.path)
	if r := finish(t, withFewFiles(s.command("start", options...))); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	s.journal.waitFor(`^start \d+$`, 1)
	return s, s.knowsTheCrowd()
}

// knowsTheCrowd waits until all are followed, and told of.
func (s *service) knowsTheCrowd() (st status) {
	s.t.Helper()
	eventually(s.t, "all are followed", func() bool {
		st = s.status()
		return st.State == "running" && len(st.PIDs) == crowd
	})
	if !strings.Contains(st.Message, "ulimit -n") {
		s.t.Errorf("status does not say what is wrong: %+v", st)
	}
	if n := len(descriptors(s.t, st.SupervisorPID)); n >= fewFiles {
		s.t.Errorf("%d descriptors are open", n)
	}
	return st
}

// A service has more processes than the supervisor may have descriptors, and
// clients take those that are left: all are followed, a crash is followed by
// one restart, stop leaves no process.
func TestMoreProcessesThanDescriptors(t *testing.T) {
	t.Parallel()
	s, st := newCrowd(t, "-t", "0.2")
	for range 50 {
		conn, err := net.Dial("unix", s.runtime+"/"+s.name+".sock")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	before := living(st.SupervisorPID)
	kill(t, st.MainPID, unix.SIGKILL)
	s.journal.waitFor(`^start \d+$`, 2)
	now := s.knowsTheCrowd()
	if now.Restarts != 1 || now.SupervisorPID != st.SupervisorPID {
		t.Errorf("first %+v, then %+v", st, now)
	}
	for _, pid := range before {
		if slices.Contains(now.PIDs, pid) {
			t.Errorf("pid %d is left of the first run", pid)
		}
	}
	if n := s.log.count(`can't be watched`); n == 0 || n > 10 {
		t.Errorf("told %d times", n)
	}
	s.stop()
}

// One that can't be watched ends like any other, and when there are descriptors
// again all are watched.
func TestDescriptorsAgain(t *testing.T) {
	t.Parallel()
	s, st := newCrowd(t)
	for _, pid := range st.PIDs[crowd/4:] {
		if pid != st.MainPID {
			kill(t, pid, unix.SIGKILL)
		}
	}
	eventually(t, "a quarter is left, and watched", func() bool {
		now := s.status()
		return now.State == "running" && slices.Equal(now.PIDs, living(st.SupervisorPID)) && now.Message == ""
	})
	s.starts(1)
	s.stop()
}

// A new supervisor that has not a descriptor for each process takes no process for
// dead: nothing is started, no process is lost, and stop ends all.
func TestAdoptionWithoutDescriptors(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"adopt", "start"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			s, st := newCrowd(t)
			kill(t, st.SupervisorPID, unix.SIGKILL)
			if r := finish(t, withFewFiles(s.command(verb))); r.code != 0 {
				t.Fatalf("%s: %v", verb, r)
			}
			now := s.knowsTheCrowd()
			if now.MainPID != st.MainPID || now.Restarts != 0 || !slices.Equal(now.PIDs, st.PIDs) {
				t.Errorf("first %+v, then %+v", st, now)
			}
			s.starts(1)
			s.stop()
		})
	}
}

// Nor does a new binary.
func TestUpgradeWithoutDescriptors(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(s *service, st status){
		"descendants": func(*service, status) {},
		"adopted": func(s *service, st status) {
			kill(t, st.SupervisorPID, unix.SIGKILL)
			if r := finish(t, withFewFiles(s.command("adopt"))); r.code != 0 {
				t.Fatalf("adopt: %v", r)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, st := newCrowd(t)
			change(s, st)
			s.upgrade()
			now := s.knowsTheCrowd()
			if now.MainPID != st.MainPID || now.Restarts != 0 || !slices.Equal(now.PIDs, st.PIDs) {
				t.Errorf("first %+v, then %+v", st, now)
			}
			s.starts(1)
			s.stop()
		})
	}
}
