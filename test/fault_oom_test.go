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
	g.t.Errorf("the kernel has killed no process in %s", g.dir)
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
	s.log.waitFor(fmt.Sprintf(`warning: shape: pid %d was killed by the kernel's OOM killer: memory had run out$`, st.MainPID), 1)
	now := s.waitState("running")
	const how = `killed by signal 9 \(SIGKILL\) by the kernel's OOM killer`
	if r := s.tell("status"); len(matches(fmt.Sprintf(`^  last exit +pid %d %s, `, st.MainPID, how), r.stdout)) != 1 {
		t.Errorf("status: %v", r)
	}
	s.recalls(fmt.Sprintf(`it crashed; first death: pid %d \(main\) %s`, st.MainPID, how))
	if now.LastExit == nil || now.LastExit.PID != st.MainPID || now.LastExit.Signal != 9 || now.LastExit.By != "oom-killer" || now.Restarts != 1 {
		t.Errorf("now %+v, last exit %+v", now, now.LastExit)
	}
	s.quiet()
	s.starts(2)
	s.stop()
}

// In a container the kernel's log has other pids: there the control group tells. A KILL that
// something else has sent is not taken for the OOM killer's.
func TestOOMKillerInAContainer(t *testing.T) {
	t.Parallel()
	needShape(t)
	needRoot(t)
	if !insideOf("a container's") {
		inside(t, "a container's", unshare("--pid", "--fork", "--mount-proc"), "TestOOMKillerInAContainer")
		return
	}
	g := newMemory(t)
	s := newShape(t, "hog")
	start := append([]string{respawner}, s.words("start", "-t", "0.2")...)
	if r := finish(t, command(t, "sh", g.inside(start...)...)); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	victim := s.mustRun().MainPID
	kill(t, victim, unix.SIGUSR1)
	s.log.waitFor(`restarted\(1/0\)`, 1)
	g.hasKilled()
	s.log.waitFor(fmt.Sprintf(`: pid %d was killed by the kernel's OOM killer`, victim), 1)
	s.waitState("running")
	s.lastExitIs(victim, 9, `killed by signal 9 \(SIGKILL\) by the kernel's OOM killer`)

	victim = s.mustRun().MainPID
	s.crash(victim)
	s.lastExitIs(victim, 9, `killed by signal 9 \(SIGKILL\)`)
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
