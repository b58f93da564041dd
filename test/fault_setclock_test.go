//go:build linux

package test

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// envOwnMachine is set where the machine is the tests' own, as those of
// test/kernels are: its clock may be set.
const envOwnMachine = "RESPAWNER_OWN_MACHINE"

// setTheClock sets the clock of the machine, until the end of the test.
func setTheClock(t *testing.T, by time.Duration) {
	t.Helper()
	if os.Getenv(envOwnMachine) == "" {
		t.Skip("sets the machine's clock: for make test-kernels")
	}
	needRoot(t)
	set := func(by time.Duration) {
		t.Helper()
		now := unix.NsecToTimespec(time.Now().Add(by).UnixNano())
		if err := unix.ClockSettime(unix.CLOCK_REALTIME, &now); err != nil {
			t.Fatal(err)
		}
	}
	set(by)
	t.Cleanup(func() { set(-by) })
}

// eachWay sets the clock forward and back.
func eachWay(t *testing.T, test func(t *testing.T, set func())) {
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			setTheClock(t, 0)
			test(t, func() { setTheClock(t, by) })
		})
	}
}

// The clock is set while a service waits for its restart: that comes when the
// delay is over, and status says when by the clock as it is now.
func TestClockIsSetBeforeARestart(t *testing.T) {
	const delay = 20 * time.Second
	eachWay(t, func(t *testing.T, set func()) {
		s := newShape(t, "foreground")
		st := s.start("-t", delay.String())
		crashed := time.Now()
		kill(t, st.MainPID, unix.SIGKILL)
		s.waitState("backoff")
		set()
		now := s.mustNotRun("backoff")
		if wait := now.NextStart.Sub(time.Now().Round(0)); wait <= 0 || wait > delay {
			t.Errorf("the next start is said to be in %v", wait)
		}
		if r := s.tell("status"); len(matches(`next start in 1?\d\.\ds$`, r.stdout)) != 1 {
			t.Errorf("status: %v", r)
		}
		s.log.waitFor(`restarted\(1/0\)`, 1)
		if took := time.Since(crashed); took < delay {
			t.Errorf("restarted after %v", took)
		}
		s.waitState("running")
		s.starts(2)
		s.stop()
	})
}

// While it is being stopped: it has its time, and not more.
func TestClockIsSetBeforeTheKill(t *testing.T) {
	const patience = 20 * time.Second
	eachWay(t, func(t *testing.T, set func()) {
		s := newShape(t, "stubborn")
		s.start("--stop-timeout", patience.String())
		asked := time.Now()
		stop := launch(t, s.command("stop"))
		s.waitState("stopping")
		set()
		now := s.mustNotRun("stopping")
		if wait := now.KillAt.Sub(time.Now().Round(0)); wait <= 0 || wait > patience {
			t.Errorf("KILL is said to come in %v", wait)
		}
		if code, took := stop.code(), time.Since(asked); code != 0 || took < patience {
			t.Errorf("stop returned %d after %v", code, took)
		}
		s.mustNotRun("stopped")
		s.starts(1)
	})
}

// The clock is set while the service runs, and while it has no supervisor: nothing
// is restarted, and each death is noticed.
func TestClockIsSetWhileRunning(t *testing.T) {
	eachWay(t, func(t *testing.T, set func()) {
		s := newShape(t, "helper-after")
		st := s.start("--follow-forks", "-t", "0")
		set()
		s.quiet()
		st = s.crash(st.MainPID)
		kill(t, st.SupervisorPID, unix.SIGKILL)
		set()
		if r := s.tell("adopt"); r.code != 0 {
			t.Fatalf("adopt: %v", r)
		}
		s.quiet()
		now := s.mustRun()
		if now.MainPID != st.MainPID || now.Restarts != st.Restarts || len(now.PIDs) != len(st.PIDs) {
			t.Errorf("before %+v\nnow %+v", st, now)
		}
		s.crash(now.MainPID)
		s.starts(3)
		s.stop()
	})
}
