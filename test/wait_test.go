//go:build linux

package test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Wait waits for what was not started yet, even for the runtime directory, and says so.
func TestWaitForTheFirstStart(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	s.runtime = s.dir + "/not/yet/there"
	var waited result
	var waiting sync.WaitGroup
	waiting.Go(func() { waited = s.tell("wait", "--for", "running") })
	eventually(t, "a client waits", func() bool { return len(belonging(t)) == 1 })
	st := s.start("--follow-forks")
	waiting.Wait()
	if !strings.HasPrefix(waited.stderr, "respawner: no service shape here") || !strings.HasSuffix(waited.stderr, "; waiting until it is started\n") {
		t.Errorf("wait: %v", waited)
	}
	waited.stderr = ""
	mustSay(t, waited, "shape is running, main pid "+strconv.Itoa(st.MainPID))
	s.stop()
}

// What is there already is not waited for.
func TestWaitForWhatIs(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	mustSay(t, s.tell("wait"), "shape is running, main pid "+strconv.Itoa(st.MainPID))
	s.stop()
	mustSay(t, s.tell("wait", "--for", "stopped"), "shape has stopped")
}

func TestWaitTimesOut(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	s.stop()
	mustFail(t, s.tell("wait", "--timeout", "0.2"), 124, "not running after 200ms")
	st := s.start()
	mustFail(t, s.tell("wait", "--for", "stopped", "--timeout", "0.2"), 124, "not stopped")
	kill(t, st.SupervisorPID, 19) // STOP: it does not answer
	mustFail(t, s.tell("wait", "--for", "stopped", "--timeout", "0.2"), 124, "not stopped")
	kill(t, st.SupervisorPID, 18)
	s.stop()
}

// A crash in between is no stop: it ends when the service has.
func TestWaitForTheStop(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "0")
	before := len(descriptors(t, st.SupervisorPID))
	var waited result
	var waiting sync.WaitGroup
	waiting.Go(func() { waited = s.tell("wait", "--for", "stopped") })
	eventually(t, "a client waits", func() bool { return len(descriptors(t, st.SupervisorPID)) > before })
	s.crash(st.MainPID)
	s.crash(s.status().MainPID)
	s.quietStop()
	waiting.Wait()
	mustSay(t, waited, "shape has stopped")
	s.starts(3)
}

// What can't come about any more is not waited for.
func TestWaitInVain(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	eventually(t, "a wait that began before the end", func() bool {
		st := s.start("-t", "300")
		kill(t, st.MainPID, 9)
		s.waitState("backoff")
		before := len(descriptors(t, st.SupervisorPID))
		var waited result
		var waiting sync.WaitGroup
		waiting.Go(func() { waited = s.tell("wait", "--timeout", "2") })
		eventually(t, "a client waits", func() bool { return len(descriptors(t, st.SupervisorPID)) > before })
		stopped := s.tell("stop")
		waiting.Wait()
		if waited.code == 124 {
			return false // it had not asked yet, so it waited for the next start
		}
		mustFail(t, waited, 1, "was stopped")
		return stopped.code == 0
	})
}
