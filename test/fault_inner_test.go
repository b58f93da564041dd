//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// knowsAll waits until status has all processes of the service, so many at
// least, and no other one.
func (s *service) knowsAll(st status, atLeast int) (now status) {
	s.t.Helper()
	eventually(s.t, "the forest is the truth", func() bool {
		now = s.status()
		return len(now.PIDs) >= atLeast && slices.Equal(now.PIDs, living(st.SupervisorPID))
	})
	return now
}

// A service that is a subreaper itself: its orphans come home to it. They are
// known all the same, and come to the supervisor when it dies.
func TestServiceIsASubreaper(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "subreaper")
		s.track(step)
		st := s.start("-t", "0", "--stop-timeout", "0.5")
		s.truth("escapee", 3)
		s.knowsAll(st, 4)
		first := []int{s.truth("escapee", 1), s.truth("escapee", 2), s.truth("escapee", 3)}
		now := s.crash(st.MainPID)
		for _, pid := range first {
			if alive(pid) {
				t.Errorf("escapee %d of the first run lives beside the second", pid)
			}
		}
		slices.Sort(first)
		s.tellsOfKilling(strings.Trim(fmt.Sprint(first), "[]"))
		s.recalls(fmt.Sprintf(`it crashed; first death: pid %d \(main\) killed by signal 9`, st.MainPID))
		s.truth("escapee", 6)
		s.knowsAll(now, 4)
		s.stop()
		s.starts(2)
	})
}

// A service that drops its privileges is followed, restarted and ended as any.
func TestServiceChangesUID(t *testing.T) {
	needRoot(t)
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "changes-uid", "uid=65534")
		writeFile(t, s.journal.path, "", 0o666)
		if err := os.Chmod(s.dir, 0o777); err != nil {
			t.Fatal(err)
		}
		s.track(step)
		st := s.start("-t", "0", "--stop-timeout", "0.5")
		s.truth("escapee", 2)
		now := s.knowsAll(st, 3)
		if uid := number(matches(`^Uid:\s+(\d+)`, (textFile{t, fmt.Sprintf("/proc/%d/status", now.MainPID)}).text())[0][1]); uid != 65534 {
			t.Errorf("main has uid %d", uid)
		}
		first := slices.DeleteFunc(now.PIDs, func(pid int) bool { return pid == st.MainPID })
		now = s.crash(now.MainPID)
		s.tellsOfKilling(strings.Trim(fmt.Sprint(first), "[]"))
		s.truth("escapee", 4)
		s.knowsAll(now, 3)
		s.stop()
		s.starts(2)
	})
}

// A service that unshares its pid namespace: within it pids are others, and the
// death of its init ends all of them. They are known by the pids they have here.
func TestServiceUnsharesItsPids(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		inner := unshare("--pid", "--fork")
		if out, err := exec.Command(inner[0], append(inner[1:], "true")...).CombinedOutput(); err != nil {
			skip(t, string(out))
		}
		s := newShape(t, "escapees")
		s.track(step)
		s.program, s.args = inner[0], append(append(inner[1:], s.program), s.args...)
		s.name = "inner"
		st := s.start("-t", "0", "--stop-timeout", "0.5")
		s.truth("escapee", 3)
		if s.truth("main", 1) != 1 {
			t.Error("it is not the init of a pid namespace")
		}
		now := s.knowsAll(st, 5)
		init := now.PIDs[slices.IndexFunc(now.PIDs, func(pid int) bool { p, _ := lookup(pid); return p.ppid == st.MainPID })]

		kill(t, init, unix.SIGKILL) // unshare then exits, with a status that is no success
		s.log.waitFor(`restarted\(1/0\)`, 1)
		now = s.waitState("running")
		s.truth("escapee", 6)
		now = s.knowsAll(now, 5)
		if now.Restarts != 1 || now.MainPID == st.MainPID {
			t.Errorf("before %+v\nnow %+v", st, now)
		}
		if end := now.LastExit; end == nil || end.PID != st.MainPID || end.Code == 0 {
			t.Errorf("last exit %+v, not that of %d", end, st.MainPID)
		}
		s.recalls(`it crashed; first death: pid \d+ killed by signal 9`) // init has not ended before they have
		s.recalls(fmt.Sprintf(`exited +pid %d killed by signal 9`, init))
		s.quiet()
		s.stop()
		s.starts(2)
	})
}
