//go:build linux

package test

import (
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Short enough to wait for, long enough to look at what is between.
const betweenRestarts = "2"

func mock(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("mock/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A simple program that runs for ever: the seed's first scenario, with the
// seed's log.
func TestSeedForever(t *testing.T) {
	t.Parallel()
	s := newService(t, mock(t, "forever.sh"))
	first := s.start("-t", betweenRestarts)
	kill(t, first.MainPID, unix.SIGKILL)
	s.log.waitFor(fmt.Sprintf(`proc %d killed by signo 9`, first.MainPID), 1)
	waiting := s.mustNotRun("backoff")
	if waiting.LastExit == nil || waiting.LastExit.Signal != 9 || waiting.LastExit.PID != first.MainPID {
		t.Errorf("last exit %+v, not signal 9 of pid %d", waiting.LastExit, first.MainPID)
	}

	s.log.waitFor(`restarted\(1/0\)`, 1)
	second := s.waitState("running")
	if second.MainPID == first.MainPID {
		t.Errorf("the same pid %d again", first.MainPID)
	}
	s.stop()
	s.mustNotRun("stopped")
	s.log.inOrder(
		fmt.Sprintf(`started \(pid %d\), command: start forever\.sh`, first.SupervisorPID),
		fmt.Sprintf(`forever\.sh started, pid %d\b`, first.MainPID),
		fmt.Sprintf(`proc %d killed by signo 9\b`, first.MainPID),
		fmt.Sprintf(`forever\.sh restarted\(1/0\), pid %d\b`, second.MainPID),
		fmt.Sprintf(`kill\(child pid %d\)`, second.MainPID),
		fmt.Sprintf(`proc %d exited, status 0\b`, second.MainPID),
		`stopped`,
	)
}

// A normal end of the program is the end of respawner.
func TestSeedForeverEndsByItself(t *testing.T) {
	t.Parallel()
	s := newService(t, mock(t, "forever.sh"))
	st := s.start()
	kill(t, st.MainPID, unix.SIGTERM)
	end := s.waitEnd(st, "stopped")
	if end.LastExit == nil || end.LastExit.Code != 0 || end.LastExit.Signal != 0 || end.Restarts != 0 {
		t.Errorf("after a normal end: %+v, last exit %+v", end, end.LastExit)
	}
	s.log.inOrder(fmt.Sprintf(`proc %d exited, status 0\b`, st.MainPID), `stopped`)
}
