//go:build linux

package test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hidden has all that concerns a service done where /proc hides the processes of
// others: in each command's own mount namespace, and so in the supervisor's.
func (s *service) hidden(hidepid int) {
	s.t.Helper()
	needRoot(s.t)
	mount := fmt.Sprintf("mount -t proc -o hidepid=%d proc /proc", hidepid)
	if r := shell(s.t, "unshare", "--mount", "sh", "-c", mount); r.code != 0 {
		skip(s.t, "no /proc with hidepid: "+r.String())
	}
	script := fmt.Sprintf("#!/bin/sh\nexec unshare --mount sh -c '%s && exec \"$0\" \"$@\"' %s \"$@\"\n", mount, s.binary)
	s.binary = writeFile(s.t, s.dir+"/hidden", script, 0o755)
}

// eachHidepid runs a test for both kinds, and each step that an ordinary user has.
func eachHidepid(t *testing.T, test func(t *testing.T, hidepid int, step string)) {
	needRoot(t)
	for _, hidepid := range []int{1, 2} {
		for _, step := range followingSteps(t) {
			if step == "kernel-set" || step == "events" {
				continue // root's
			}
			t.Run(fmt.Sprintf("%d/%s", hidepid, step), func(t *testing.T) {
				t.Parallel()
				test(t, hidepid, step)
			})
		}
	}
}

// newSetuid is an ordinary user's service, a child of which is root's: it can't
// be signalled, and with hidepid /proc does not show it.
func newSetuid(t *testing.T, hidepid int, step string) *service {
	t.Helper()
	s := newShape(t, "foreground")
	s.as(65534)
	s.hidden(hidepid)
	s.track(step)
	program, err := os.ReadFile(shape)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, s.dir+"/setuid", string(program), os.ModeSetuid|0o755)
	writeFile(t, s.journal.path, "", 0o666)
	script := fmt.Sprintf("#!/bin/sh\n%[1]s/setuid setuid-root %[2]s &\nexec %[3]s foreground %[2]s\n", s.dir, s.journal.path, shape)
	s.program = writeFile(t, s.dir+"/daemon", script, 0o755)
	s.name, s.args = "daemon", nil
	return s
}

// startSetuid returns its status, and the pid of the child that is root's.
func startSetuid(s *service, options ...string) (st status, child int) {
	s.t.Helper()
	st = s.start(append(options, "--stop-timeout", "0.5")...)
	child = s.truth("root", 1)
	if main := s.truth("main", 1); st.MainPID != main {
		s.t.Errorf("main is %d, but status says %+v", main, st)
	}
	return st, child
}

// instances asserts how often it was started, by its own account.
func (s *service) instances(want int) {
	s.t.Helper()
	if got := s.journal.count(`^main \d+$`); got != want {
		s.t.Errorf("started %d times, not %d", got, want)
	}
}

func anotherUsers(pid int) string {
	return fmt.Sprintf("pid %d can't be signalled, it is another user's: root can kill it", pid)
}

// idles asserts that a process does next to nothing for a second.
func idles(t *testing.T, pid int) {
	t.Helper()
	before := workOf(t, pid)
	time.Sleep(time.Second) // that nothing happens is no event; a record may be due, and the runtime's own thread looks on
	now := workOf(t, pid)
	if now.switches-before.switches > 300 || now.ticks-before.ticks > 10 {
		t.Errorf("pid %d does not idle: in a second %d context switches, %d ticks",
			pid, now.switches-before.switches, now.ticks-before.ticks)
	}
}

// work is what a process has done: all its threads' context switches and clock
// ticks.
type work struct{ switches, ticks int }

func workOf(t *testing.T, pid int) (w work) {
	t.Helper()
	stat := (textFile{t, fmt.Sprintf("/proc/%d/stat", pid)}).text()
	f := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	w.ticks = number(f[11]) + number(f[12])
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		text := (textFile{t, fmt.Sprintf("/proc/%d/task/%s/status", pid, thread.Name())}).text()
		for _, m := range matches(`^(?:non)?voluntary_ctxt_switches:\s+(\d+)$`, text) {
			w.switches += number(m[1])
		}
	}
	return w
}

// While the child lives it is a process of the service, whatever /proc shows.
func TestHiddenChildIsFollowed(t *testing.T) {
	eachHidepid(t, func(t *testing.T, hidepid int, step string) {
		s := newSetuid(t, hidepid, step)
		st, child := startSetuid(s)
		s.knowsAll(st, 2)
		idles(t, st.SupervisorPID)
		kill(t, child, unix.SIGKILL)
		eventually(t, "status names main alone", func() bool { return fmt.Sprint(s.status().PIDs) == fmt.Sprint([]int{st.MainPID}) })
		s.quiet()
		s.stop()
	})
}

// Main crashes: nothing is started beside the child, the reason is told, and
// nothing spins. When root has ended it, the restart comes.
func TestNoRestartBesideTheHidden(t *testing.T) {
	eachHidepid(t, func(t *testing.T, hidepid int, step string) {
		s := newSetuid(t, hidepid, step)
		st, child := startSetuid(s, "-t", "0")
		kill(t, st.MainPID, unix.SIGKILL)
		mustWaitFor(s, st, child)
		kill(t, child, unix.SIGKILL)
		s.truth("main", 2)
		if now := s.waitState("running"); now.Restarts != 1 || now.Stuck != "" {
			t.Errorf("now %+v", now)
		}
		mustStop(s, s.truth("root", 2))
		s.instances(2)
	})
}

// mustWaitFor asserts that a service that has crashed is not started beside a
// process of it that can't be signalled.
func mustWaitFor(s *service, st status, child int) {
	s.t.Helper()
	why := anotherUsers(child)
	s.log.waitFor(why, 1)
	if now := s.mustNotRun("backoff"); !strings.Contains(now.Stuck, why) || now.Restarts != 0 || !alive(child) {
		s.t.Errorf("status: %+v", now)
	}
	idles(s.t, st.SupervisorPID)
	s.log.stays(why, time.Second)
	s.instances(1)
}

// mustStop asserts that stop waits for the child, says so, and ends when root has
// ended it.
func mustStop(s *service, child int) {
	s.t.Helper()
	stop := launch(s.t, s.command("stop"))
	s.stillThere(stop, anotherUsers(child))
	if !alive(child) {
		s.t.Error("it was ended all the same")
	}
	kill(s.t, child, unix.SIGKILL)
	if code := stop.code(); code != 0 {
		s.t.Errorf("stop returned %d", code)
	}
	s.mustNotRun("stopped")
}

// Stop does not say "stopped" while the child lives.
func TestStopOfTheHidden(t *testing.T) {
	eachHidepid(t, func(t *testing.T, hidepid int, step string) {
		s := newSetuid(t, hidepid, step)
		_, child := startSetuid(s)
		mustStop(s, child)
		s.instances(1)
	})
}

// A new supervisor can't read which process the child is. That is no proof of the child's death.
func TestAdoptionOfTheHidden(t *testing.T) {
	eachHidepid(t, func(t *testing.T, hidepid int, step string) {
		s := newSetuid(t, hidepid, step)
		st, child := startSetuid(s, "-t", "0")
		st = s.knowsAll(st, 2)
		kill(t, st.SupervisorPID, unix.SIGKILL)
		if r := s.tell("adopt"); r.code != 0 {
			t.Fatalf("adopt: %v", r)
		}
		now := s.mustRun()
		if fmt.Sprint(now.PIDs) != fmt.Sprint(st.PIDs) || len(now.PIDs) != 2 {
			t.Errorf("first %+v\nthen %+v", st, now)
		}
		kill(t, now.MainPID, unix.SIGKILL)
		mustWaitFor(s, now, child)
		mustStop(s, child)
		s.instances(1)
	})
}

// For root nothing is hidden: it is as ever.
func TestHidepidForRoot(t *testing.T) {
	for _, hidepid := range []int{1, 2} {
		eachStep(t, func(t *testing.T, step string) {
			s := newShape(t, "changes-uid", "uid=65534")
			s.hidden(hidepid)
			writeFile(t, s.journal.path, "", 0o666)
			if err := os.Chmod(s.dir, 0o777); err != nil {
				t.Fatal(err)
			}
			s.track(step)
			st := s.start("-t", "0", "--stop-timeout", "0.5")
			s.truth("escapee", 2)
			s.knowsAll(st, 3)
			now := s.crash(st.MainPID)
			s.truth("escapee", 4)
			s.knowsAll(now, 3)
			s.stop()
			s.starts(2)
		})
	}
}
