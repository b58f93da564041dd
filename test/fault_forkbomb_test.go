//go:build linux

package test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// bombLimit is how many processes and threads there are when a bomb has gone
// off: the supervisor, and the service that it has to end.
const bombLimit = 100

func newBomb(t *testing.T) (*service, pidsGroup) {
	t.Helper()
	g := newPidsGroup(t, bombLimit)
	s := newShape(t, "bomb", "bound="+g.dir+"/pids.max")
	return s, g
}

// goesOff sets the fuse, and returns when no process more can be made.
func (g pidsGroup) goesOff(st status) {
	g.t.Helper()
	before := g.refused()
	kill(g.t, st.MainPID, unix.SIGUSR2)
	eventually(g.t, "the group is full", func() bool { return g.refused() > before+100 && g.current() == bombLimit })
}

// onlyOf asserts that no process is left but the supervisor and the main process.
func (g pidsGroup) onlyOf(st status, threads int) {
	g.t.Helper()
	if now := countThreads(g.t, st.SupervisorPID); now != threads {
		g.t.Errorf("the supervisor has %d threads, %d before", now, threads)
	}
	if pids := g.pids(); len(pids) != 2 || g.current() != threads+1 {
		g.t.Errorf("there are %v, not the supervisor %d and main %d alone", pids, st.SupervisorPID, st.MainPID)
	}
}

// A service becomes a fork bomb, which ignores TERM, and uses up all processes
// that there can be, in the supervisor's group too. The supervisor answers, and
// whatever ends the service ends all of it: a restart, a crash, a stop.
func TestForkBomb(t *testing.T) {
	s, g := newBomb(t)
	st := g.start(s, "-t", "0.5", "--stop-timeout", "1")
	threads := countThreads(t, st.SupervisorPID)
	supervisor := st.SupervisorPID

	g.goesOff(st)
	if now := s.mustRun(); now.MainPID != st.MainPID || now.Restarts != 0 {
		t.Errorf("before %+v\nnow %+v", st, now)
	}
	if r := s.tell("restart"); r.code != 0 {
		t.Errorf("restart: %v", r)
	}
	st = s.mustRun()
	g.onlyOf(st, threads)
	s.tellsOfKilling(`[\d ]{200,}`) // the bomb

	g.goesOff(st)
	killed := st.MainPID
	st = s.crash(st.MainPID)
	g.onlyOf(st, threads)
	s.recalls(fmt.Sprintf(`it crashed; first death: pid %d \(main\) killed by signal 9`, killed))

	g.goesOff(st)
	kill(t, supervisor, unix.SIGTERM)
	waitDead(t, supervisor)
	s.mustNotRun("stopped")
	if left := g.pids(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	s.starts(3)
}
