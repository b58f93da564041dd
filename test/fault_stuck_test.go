//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// stillThere asserts that all ways to look say why a stop goes on, while it does.
func (s *service) stillThere(stop *running, why string) {
	s.t.Helper()
	stop.stderr.waitFor(`^respawner: `+s.name+` is still being stopped: `+why, 1)
	s.log.waitFor(why, 1)
	if r := s.tell("status"); r.code != 3 || len(matches(`^  still there +`+why, r.stdout)) != 1 || len(matches(`^  state +stopping`, r.stdout)) != 1 {
		s.t.Errorf("status does not say %q: %v", why, r)
	}
	if r := s.tell("history"); len(matches(`stuck +`+why, r.stdout)) != 1 {
		s.t.Errorf("history does not say %q: %v", why, r)
	}
	again := launch(s.t, s.command("stop"))
	again.stderr.waitFor(why, 1)
	kill(s.t, again.pid(), unix.SIGINT)
	if code := again.code(); code != 130 {
		s.t.Errorf("a stop that was interrupted returned %d", code)
	}
}

// newFreezer is a control group in which KILL has to wait until it thaws.
func newFreezer(t *testing.T) controlGroup {
	t.Helper()
	if cgroupMount(t, "cgroup", "freezer") == "" {
		skip(t, "no control groups of version 1 that freeze so that KILL has to wait")
	}
	return newControlGroup(t, "freezer")
}

// A process that hangs in the kernel (state D) outlives KILL: in a control group
// of version 1 that is frozen it does. Stop says so, and ends well when it ends.
func TestStopOfTheFrozen(t *testing.T) {
	t.Parallel()
	g := newFreezer(t)
	s := newShape(t, "foreground")
	st := s.start("--stop-timeout", "0.5")
	g.add(st.MainPID)
	g.freeze()
	stop := launch(t, s.command("stop"))
	s.stillThere(stop, fmt.Sprintf("pid %d was killed, but the kernel lets it end only when what it waits for comes", st.MainPID))
	g.thaw()
	if code := stop.code(); code != 0 {
		t.Errorf("stop returned %d", code)
	}
	s.mustNotRun("stopped")
	s.starts(1)
}

// In one of version 2 it does not: KILL ends the frozen.
func TestStopOfTheFrozen2(t *testing.T) {
	t.Parallel()
	g := newControlGroup2(t)
	s := newShape(t, "helper-child")
	st := s.start("--follow-forks", "--stop-timeout", "0.5")
	for _, pid := range st.PIDs {
		g.add(pid)
	}
	g.freeze()
	s.stop()
	if end := s.mustNotRun("stopped"); end.LastExit == nil || end.LastExit.Signal != 9 {
		t.Errorf("last exit %+v", end.LastExit)
	}
}

// A crash leaves a process that hangs: there is no second instance beside it,
// and status says what is waited for.
func TestCrashLeavesTheFrozen(t *testing.T) {
	t.Parallel()
	g := newFreezer(t)
	s := newShape(t, "helper-child")
	st := s.start("--follow-forks", "-t", "0", "--stop-timeout", "0.5")
	helper := s.truth("helper", 1)
	g.add(helper)
	g.freeze()
	kill(t, st.MainPID, unix.SIGKILL)
	why := fmt.Sprintf("pid %d was killed, but the kernel", helper)
	s.log.waitFor(why, 1)
	if now := s.mustNotRun("backoff"); !strings.Contains(now.Stuck, why) {
		t.Errorf("status: %+v", now)
	}
	s.starts(1)
	g.thaw()
	now := s.waitState("running")
	if now.Stuck != "" || now.Restarts != 1 {
		t.Errorf("now %+v", now)
	}
	s.starts(2)
	s.stop()
}

// An ordinary user's service becomes root's in part (setuid): the supervisor
// can't signal that process. It says so, and ends when that one does.
func TestStopOfAnotherUsersProcess(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	if out, err := exec.Command(nobody[0], append(nobody[1:], "true")...).CombinedOutput(); err != nil {
		skip(t, string(out))
	}
	if err := os.Chmod(s.dir, 0o777); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(shape)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, s.dir+"/setuid", string(program), os.ModeSetuid|0o755)
	s.program = writeFile(t, s.dir+"/daemon", "#!/bin/sh\n"+s.dir+"/setuid setuid-root "+s.journal.path+"\n", 0o755)
	s.name, s.args = "daemon", nil
	writeFile(t, s.journal.path, "", 0o666)
	as := func(words []string) *exec.Cmd {
		return command(t, nobody[0], append(append(nobody[1:], respawner), words...)...)
	}
	if r := finish(t, as(s.words("start", "--stop-timeout", "0.5"))); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	root := s.truth("root", 1)
	stop := launch(t, as(s.words("stop")))
	s.stillThere(stop, fmt.Sprintf("pid %d can't be signalled, it is another user's: root can kill it", root))
	if !alive(root) {
		t.Error("it was ended all the same")
	}
	kill(t, root, unix.SIGKILL)
	if code := stop.code(); code != 0 {
		t.Errorf("stop returned %d", code)
	}
	s.mustNotRun("stopped")
}

// A service that forks as fast as the machine can, in all of some hundred
// processes, none of which heeds TERM: stop ends them all, however births are
// known.
func TestStopOfWhoForksWithoutEnd(t *testing.T) {
	for _, step := range followingSteps(t) {
		t.Run(step, func(t *testing.T) { // not all at once
			g := newControlGroup(t, "pids")
			g.set("250", "pids.max")
			s := newShape(t, "spinner")
			s.track(step)
			s.program, s.args = "/bin/sh", append(g.inside(s.program), s.args...)
			s.name = "spinner"
			t.Cleanup(func() { g.set("0", "pids.max") }) // or it could not be ended when the test has failed
			if r := s.tell("start", "--stop-timeout", "0.5"); r.code != 0 {
				t.Fatalf("start: %v", r)
			}
			g.awaitLine("pids.current", "250")
			if r := s.tell("stop"); r.code != 0 {
				t.Errorf("stop: %v", r)
			}
			if left := (textFile{t, g.dir + "/cgroup.procs"}).text(); left != "" {
				t.Errorf("stop has left:\n%s", left)
			}
			s.mustNotRun("stopped")
			s.tellsOfKilling(`[\d ]{600,}`) // hundreds of pids
			s.recalls(`spinner, life 1 of 1: .*; spinner was stopped$`)
			s.starts(1)
		})
	}
}
