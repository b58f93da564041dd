//go:build linux

package test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// newMemory is a control group that has hardly any memory.
func newMemory(t *testing.T) controlGroup {
	t.Helper()
	g := newControlGroup(t, "memory")
	g.set("64M", "memory.limit_in_bytes", "memory.max")
	return g
}

// hasKilled asserts that the kernel has killed for want of memory.
func (g controlGroup) hasKilled() {
	g.t.Helper()
	for _, name := range []string{"memory.oom_control", "memory.events"} {
		if text := (textFile{g.t, g.dir + "/" + name}).text(); len(matches(`^oom_kill [1-9]`, text)) == 1 {
			return
		}
	}
	g.t.Errorf("the kernel has killed nobody in %s", g.dir)
}

// A service that takes too much memory is killed by the kernel: that is a crash.
func TestServiceIsKilledForItsMemory(t *testing.T) {
	t.Parallel()
	g := newMemory(t)
	s := newShape(t, "hog")
	st := s.start("-t", "0")
	g.add(st.MainPID)
	kill(t, st.MainPID, unix.SIGUSR1)
	s.log.waitFor(fmt.Sprintf(`proc %d killed by signo 9`, st.MainPID), 1)
	s.log.waitFor(`restarted\(1/0\)`, 1)
	g.hasKilled()
	now := s.waitState("running")
	if r := s.tell("status"); len(matches(fmt.Sprintf(`^  last exit +pid %d killed by signal 9 \(SIGKILL\)`, st.MainPID), r.stdout)) != 1 {
		t.Errorf("status: %v", r)
	}
	s.recalls(fmt.Sprintf(`it crashed; first death: pid %d \(main\) killed by signal 9`, st.MainPID))
	if now.LastExit == nil || now.LastExit.PID != st.MainPID || now.LastExit.Signal != 9 || now.Restarts != 1 {
		t.Errorf("now %+v, last exit %+v", now, now.LastExit)
	}
	s.quiet()
	s.starts(2)
	s.stop()
}

// The kernel kills the supervisor for want of memory: the service runs on, and
// the next supervisor takes it over.
func TestSupervisorIsKilledForMemory(t *testing.T) {
	for _, verb := range []string{"start", "adopt"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			g := newMemory(t)
			s := newShape(t, "helper-after")
			st := s.start("--follow-forks")
			g.add(st.SupervisorPID)
			worst := fmt.Sprintf("/proc/%d/oom_score_adj", st.SupervisorPID)
			if err := os.WriteFile(worst, []byte("1000"), 0); err != nil {
				t.Fatal(err)
			}
			hog := launch(t, command(t, shape, "hog", s.dir+"/hog"))
			(textFile{t, s.dir + "/hog"}).waitFor("^main", 1)
			g.add(hog.pid())
			hog.signal(unix.SIGUSR1)
			waitDead(t, st.SupervisorPID)
			g.hasKilled()
			hog.code() // it has come next
			s.mustBeOrphaned(st.MainPID)
			if r := s.tell(verb); r.code != 0 {
				t.Fatalf("%s: %v", verb, r)
			}
			now := s.mustRun()
			if now.MainPID != st.MainPID || now.SupervisorPID == st.SupervisorPID || len(now.PIDs) != len(st.PIDs) || now.Restarts != 0 {
				t.Errorf("before %+v\nnow %+v", st, now)
			}
			s.starts(1)
			s.stop()
		})
	}
}
