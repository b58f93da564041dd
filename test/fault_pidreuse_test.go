//go:build linux

package test

import (
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// victims are processes of no service. They write down the signals that
// they get.
type victims struct {
	t    *testing.T
	heed textFile
	pids []int
	fds  []int // a pidfd of each: a pid may be given to others when they die
}

func newVictims(t *testing.T) *victims {
	t.Helper()
	needShape(t)
	v := &victims{t: t, heed: textFile{t, tempDir(t) + "/victims"}}
	t.Cleanup(func() {
		for _, fd := range v.fds {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) // it may be gone
			_, _ = hasEnded(fd, patience)
			_ = unix.Close(fd)
		}
		reapOrphans()
	})
	return v
}

// take makes a victim with a pid that another process has had, unless a third
// process has it by now.
func (v *victims) take(pid int) {
	v.t.Helper()
	r := shell(v.t, shape, "victim", v.heed.path, fmt.Sprintf("pid=%d", pid))
	switch {
	case r.code == 0:
		v.has(pid)
		v.heed.waitFor(fmt.Sprintf(`^victim %d$`, pid), 1)
	case !alive(pid):
		v.t.Fatalf("victim %d: %v", pid, r)
	}
}

// add makes a victim with whatever pid comes next.
func (v *victims) add() {
	v.t.Helper()
	one := launch(v.t, command(v.t, shape, "victim", v.heed.path))
	v.has(one.pid())
	v.heed.waitFor(`^victim \d+$`, len(v.pids))
}

// has takes note of one.
func (v *victims) has(pid int) {
	v.t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		v.t.Fatalf("victim %d: %v", pid, err)
	}
	v.pids, v.fds = append(v.pids, pid), append(v.fds, fd)
}

// unharmed asserts that they have felt nothing.
func (v *victims) unharmed() {
	v.t.Helper()
	if n := v.heed.count(`^signal`); n != 0 {
		v.t.Errorf("%d signals have reached strangers:\n%s", n, v.heed.text())
	}
	for i, fd := range v.fds {
		if ended, err := hasEnded(fd, 0); ended || err != nil {
			v.t.Errorf("stranger %d was killed (%v)", v.pids[i], err)
		}
	}
}

// Processes of the service are born, die, and their pids are given to others
// before the supervisor has so much as looked: none of the others is taken for
// one of the service, and no signal reaches any.
func TestPidsGoToStrangers(t *testing.T) {
	needRoot(t) // to choose a pid
	for _, step := range followingSteps(t) {
		for _, squeezed := range []bool{false, true} {
			if squeezed && step == "scan" {
				continue
			}
			t.Run(fmt.Sprintf("%s/overflow=%v", step, squeezed), func(t *testing.T) {
				t.Parallel()
				s := newShape(t, "brief-children", "count=12")
				v := newVictims(t)
				s.track(step)
				st := s.start("-t", "0")
				if squeezed {
					onConnector(t, st.SupervisorPID, squeeze)
				}
				kill(t, st.SupervisorPID, unix.SIGSTOP)
				kill(t, st.MainPID, unix.SIGUSR1)
				s.truth("done", 1)
				for n := range 12 {
					v.take(s.truth("brief", n+1))
				}
				if len(v.pids) < 4 {
					t.Fatalf("only %d pids could be had", len(v.pids))
				}
				kill(t, st.SupervisorPID, unix.SIGCONT)
				if r := s.tellAll("signal", "WINCH", "--all"); r.code != 0 {
					t.Errorf("signal: %v", r)
				}
				if now := s.mustRun(); !slices.Equal(now.PIDs, []int{st.MainPID}) || now.Restarts != 0 {
					t.Errorf("now %+v", now)
				}
				s.crash(st.MainPID)
				s.quietStop()
				s.mustNotRun("stopped")
				v.unharmed()
			})
		}
	}
}

// In a pid namespace of 400 pids each comes round several times a second: after
// the first time round the kernel leaves out those below 300.
func TestTinyPidSpace(t *testing.T) {
	needShape(t)
	needRoot(t)
	if slices.Compare(release(t), []int{6, 14}) < 0 {
		skip(t, "pid_max is of a pid namespace since Linux 6.14")
	}
	t.Parallel()
	tiny := unshare("--pid", "--fork", "--mount-proc", "sh", "-c", `echo 400 >/proc/sys/kernel/pid_max && exec "$0" "$@"`)
	inside(t, "a tiny pid space", tiny, "TestPidsComeRound", envSteps+"=scan,pidfile")
}

// Run by TestTinyPidSpace.
func TestPidsComeRound(t *testing.T) {
	if !insideOf("a tiny pid space") {
		t.Skip("for TestTinyPidSpace")
	}
	s := newShape(t, "churn", "rate=200")
	v := newVictims(t)
	st := s.start("-t", "0", "--stop-timeout", "0.5")
	for crash := 1; crash <= 5; crash++ {
		for range 3 {
			v.add()
		}
		s.journal.waitFor(`^hundred \d+$`, s.journal.count(`^hundred \d+$`)+2) // once round, and again
		kill(t, st.MainPID, unix.SIGKILL)
		s.log.waitFor(fmt.Sprintf(`shape restarted\(%d/0\), pid \d+`, crash), 1)
		if st = s.waitState("running"); st.Restarts != crash { // main may have the pid of the one before
			t.Fatalf("after crash %d: %+v", crash, st)
		}
	}
	s.quietStop()
	s.mustNotRun("stopped")
	v.unharmed()
	s.starts(6)
	var left []process
	for _, p := range belonging(t) {
		if !slices.Contains(v.pids, p.pid) {
			left = append(left, p)
		}
	}
	if len(left) > 0 {
		t.Errorf("stop has left:\n%s", list(left))
	}
}
