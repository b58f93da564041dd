//go:build linux

package test

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// A service may be the storm itself: thousands of forks a second, while the
// queue of events is so small that most are lost. No process is
// taken for dead, none is lost, and the supervisor does not grow.
func TestStormInside(t *testing.T) {
	for _, step := range followingSteps(t) {
		t.Run(step, func(t *testing.T) { // not all at once
			s := newShape(t, "storm")
			s.track(step)
			st := s.start("-t", "0", "--follow-forks")
			s.truth("storm", 1)
			squeezed := step != "scan" && os.Geteuid() == 0
			if squeezed {
				onConnector(t, st.SupervisorPID, squeeze)
			}
			before := anonymous(t, st.SupervisorPID)
			s.truth("main", 1)
			var now status
			eventually(t, "the forest is the truth", func() bool {
				now = s.status()
				return slices.Equal(now.PIDs, living(st.SupervisorPID))
			})
			if len(now.PIDs) < 20 {
				t.Errorf("hardly a process is left: %v", now.PIDs)
			}
			if now.State != "running" || now.Restarts != 0 || now.MainPID != st.MainPID || now.Tracking != step {
				t.Errorf("after the storm: %+v", now)
			}
			if squeezed && (now.LostEvents == 0 || now.Resyncs == 0) {
				t.Errorf("%d events lost, %d resyncs: no storm at all", now.LostEvents, now.Resyncs)
			}
			t.Logf("%s: %d events lost, %d resyncs; anonymous memory %d kB, then %d kB", step, now.LostEvents, now.Resyncs,
				before, anonymous(t, st.SupervisorPID))
			if grown := anonymous(t, st.SupervisorPID) - before; grown > 16<<10 {
				t.Errorf("the supervisor has grown by %d kB", grown)
			}
			s.starts(1)
			s.stop()
		})
	}
}

// living are the processes below one, in ascending order.
func living(pid int) (pids []int) {
	for _, p := range descendants(pid) {
		if p.state != 'Z' {
			pids = append(pids, p.pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// anonymous is the memory in kB that is a process's own.
func anonymous(t *testing.T, pid int) (kB int) {
	t.Helper()
	f := textFile{t, fmt.Sprintf("/proc/%d/smaps_rollup", pid)}
	return number(matches(`^Anonymous: +(\d+) kB`, f.text())[0][1])
}

// A supervisor that was asleep while its service forked knows everything when
// it wakes.
func TestStormWhileAsleep(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "storm", "seconds=3", "rate=2000")
		s.track(step)
		st := s.start("-t", "0", "--follow-forks")
		s.truth("storm", 1)
		kill(t, st.SupervisorPID, unix.SIGSTOP)
		s.truth("main", 1)
		kill(t, st.SupervisorPID, unix.SIGCONT)
		eventually(t, "the forest is the truth", func() bool {
			return slices.Equal(s.status().PIDs, living(st.SupervisorPID))
		})
		now := s.mustRun()
		if now.Restarts != 0 || now.MainPID != st.MainPID {
			t.Errorf("before %+v\nnow %+v", st, now)
		}
		s.crash(now.MainPID)
		s.stop()
	})
}
