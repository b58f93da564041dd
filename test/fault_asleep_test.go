//go:build linux

package test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A supervisor that was stopped (SIGSTOP) does not answer: each command says so,
// and what helps, within a bound. What was given up is not done later.
func TestCommandsToAStoppedSupervisor(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	kill(t, st.SupervisorPID, unix.SIGSTOP)
	help := fmt.Sprintf("the supervisor does not answer: pid %d was stopped (SIGSTOP); kill -CONT %d has it go on", st.SupervisorPID, st.SupervisorPID)
	var all sync.WaitGroup
	for _, verb := range []string{"start", "stop", "restart", "reload", "reset", "upgrade", "signal TERM"} {
		words := strings.Fields(verb)
		all.Go(func() {
			within(t, 20*time.Second, func() { mustFail(t, s.tellAll(words[0], words[1:]...), 1, help) })
		})
	}
	all.Go(func() {
		r := s.tell("status")
		for _, want := range []string{`"shape" process is in an unknown state`, help, fmt.Sprintf("main pid    %d\n", st.MainPID)} {
			if r.code != 4 || !strings.Contains(r.stdout, want) {
				t.Errorf("status should say %q: %v", want, r)
			}
		}
	})
	all.Go(func() {
		if r := s.tell("adopt"); r.code != 0 || !strings.Contains(r.stdout, fmt.Sprintf("has a supervisor, pid %d", st.SupervisorPID)) {
			t.Errorf("adopt: %v", r)
		}
	})
	all.Wait()
	kill(t, st.SupervisorPID, unix.SIGCONT)
	if now := s.mustRun(); now.MainPID != st.MainPID || now.SupervisorPID != st.SupervisorPID || now.Restarts != 0 {
		t.Errorf("before %+v\nnow %+v", st, now)
	}
	s.quiet()
	s.starts(1)
	s.stop()
}

// tellAll is tell with an operand before the service's name.
func (s *service) tellAll(verb string, operands ...string) result {
	s.t.Helper()
	words := s.words(verb)
	return finish(s.t, command(s.t, s.binary, append(words[:1:1], append(operands, words[1:]...)...)...))
}

// While the supervisor is stopped main dies, helpers and orphans come and go
// until the connector's queue is full: when it goes on it has missed nothing,
// and there is one instance.
func TestCrashWhileAsleep(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "brief-children", "count=400")
		s.track(step)
		st := s.start("-t", "0")
		if step != "scan" && unix.Geteuid() == 0 {
			onConnector(t, st.SupervisorPID, squeeze)
		}
		kill(t, st.SupervisorPID, unix.SIGSTOP)
		kill(t, st.MainPID, unix.SIGUSR1)
		s.truth("done", 1)
		kill(t, st.MainPID, unix.SIGKILL)
		kill(t, st.SupervisorPID, unix.SIGCONT)
		s.log.waitFor(fmt.Sprintf(`proc %d killed by signo 9`, st.MainPID), 1)
		s.log.waitFor(`restarted\(1/0\)`, 1)
		now := s.waitState("running")
		s.quiet()
		if mains := s.mains(); len(mains) != 1 || mains[0] != now.MainPID || now.Restarts != 1 || now.Tracking != step {
			t.Errorf("main processes %v, now %+v", mains, now)
		}
		s.starts(2)
		s.stop()
	})
}

// stopAll suspends a service as the sleep of a machine does, and its supervisor.
func (s *service) stopAll(st status) (wake func()) {
	s.t.Helper()
	all := append([]int{st.SupervisorPID}, living(st.SupervisorPID)...)
	for _, pid := range all {
		kill(s.t, pid, unix.SIGSTOP)
	}
	return func() {
		for _, pid := range all {
			kill(s.t, pid, unix.SIGCONT)
		}
	}
}

// asleep is longer than any deadline of the tests that suspend all.
const asleep = 3 * time.Second

// All are suspended and go on: nothing is restarted.
func TestSuspendWhileRunning(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-after")
	st := s.start("--follow-forks", "-t", "0")
	wake := s.stopAll(st)
	time.Sleep(asleep)
	wake()
	s.quiet()
	if now := s.mustRun(); now.MainPID != st.MainPID || now.Restarts != 0 || len(now.PIDs) != len(st.PIDs) {
		t.Errorf("before %+v\nnow %+v", st, now)
	}
	s.starts(1)
	s.stop()
}

// In the middle of a start: it comes up, with the right main process.
func TestSuspendWhileStarting(t *testing.T) {
	t.Parallel()
	s := newShape(t, "late-fork", "linger=3500")
	asked := launch(t, s.command("start", "--follow-forks", "-t", "0"))
	s.truth("start", 1)
	var st status
	eventually(t, "the supervisor to answer", func() bool { st = s.status(); return st.State == "starting" })
	wake := s.stopAll(st)
	time.Sleep(asleep)
	wake()
	if code := asked.code(); code != 0 {
		t.Errorf("start returned %d", code)
	}
	main := s.truth("main", 1)
	eventually(t, "main is main", func() bool { return s.status().MainPID == main })
	s.quiet()
	if now := s.mustRun(); now.Restarts != 0 {
		t.Errorf("now %+v", now)
	}
	s.starts(1)
	s.stop()
}

// In the middle of a stop: the service has the rest of its time to end well,
// and is not killed for what it has slept through.
func TestSuspendWhileStopping(t *testing.T) {
	t.Parallel()
	s := newShape(t, "slow")
	st := s.start("--stop-timeout", "4")
	asked := launch(t, s.command("stop"))
	s.truth("asked", 1)
	stopping := s.waitState("stopping")
	wake := s.stopAll(st)
	time.Sleep(time.Until(*stopping.KillAt) + 1500*time.Millisecond)
	wake()
	s.log.waitFor(`shape: held up for [^ ]*s, so they have 4s more to end`, 1)
	kill(t, st.MainPID, unix.SIGUSR1)
	if code := asked.code(); code != 0 {
		t.Errorf("stop returned %d", code)
	}
	if end := s.mustNotRun("stopped"); end.LastExit == nil || end.LastExit.Signal != 0 || end.LastExit.Code != 0 {
		t.Errorf("it was not let end: %+v", end.LastExit)
	}
}
