//go:build linux

package test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The supervisor is killed with -9: its service runs on, status tells so, and
// the next one takes it over, whatever asks for it.
func TestAdoption(t *testing.T) {
	for _, verb := range []string{"start", "adopt"} {
		for _, step := range followingSteps(t) {
			t.Run(verb+"/"+step, func(t *testing.T) {
				t.Parallel()
				s := newShape(t, "helper-after")
				s.track(step)
				first := s.start("--follow-forks")
				kill(t, first.SupervisorPID, unix.SIGKILL)
				s.mustBeOrphaned(first.MainPID)
				if r := s.tell(verb); r.code != 0 || !strings.Contains(r.stdout, strconv.Itoa(first.MainPID)) {
					t.Fatalf("%s: %v", verb, r)
				}
				s.starts(1)
				now := s.mustRun()
				if now.MainPID != first.MainPID || now.SupervisorPID == first.SupervisorPID || len(now.PIDs) != len(first.PIDs) || now.Restarts != 0 {
					t.Fatalf("first %+v\nthen %+v", first, now)
				}
				now = mustBeMain(s, s.crashTold(now.MainPID, howItEnded(step, "killed by signo 9")), 2) // all that was left is gone, the helper too
				if len(now.PIDs) != len(first.PIDs) {
					t.Errorf("first %+v\nafter a crash %+v", first, now)
				}
				s.stop()
				s.mustNotRun("stopped")
			})
		}
	}
}

func (s *service) mustBeOrphaned(main int) {
	s.t.Helper()
	s.says("is running without a supervisor", 4)
	st := s.status()
	if st.State != "orphaned" || st.MainPID != main || !strings.Contains(st.Message, "adopt") {
		s.t.Fatalf("should be orphaned: %+v", st)
	}
}

// howItEnded is what is told of the end of an adopted process. Without the
// connector that is known since Linux 6.15, if its parent is quick to reap it.
func howItEnded(step, known string) string {
	if step == "scan" {
		return "(?:" + known + "|ended, how is not known)"
	}
	return known
}

// How an adopted process ended is known, though it is no child of the supervisor.
func TestAdoptedExitStatus(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground", "exit=7")
	st := s.start("-t", "300")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.tell("adopt")
	kill(t, st.MainPID, unix.SIGTERM)
	now := s.waitState("backoff")
	told := s.log.waitFor(fmt.Sprintf(`proc %d %s\b`, st.MainPID, howItEnded(st.Tracking, "exited, status 7")), 1)[0]
	code := map[bool]int{true: 7, false: -1}[strings.HasSuffix(told, "status 7")]
	if now.LastExit == nil || now.LastExit.Code != code || now.LastExit.PID != st.MainPID {
		t.Errorf("%s; last exit %+v", told, now.LastExit)
	}
	s.stop()
}

// Stop ends what a killed supervisor has left, all of it.
func TestStopOfAnOrphan(t *testing.T) {
	t.Parallel()
	s := newShape(t, "escapees")
	st := s.start("--stop-timeout", "0.3")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.stop()
	s.mustNotRun("stopped")
	if exists(s.supervisorPidfile()) {
		t.Error("the supervisor's pidfile is still there")
	}
	s.starts(1)
}

// It has died as well, and what was written down can't be read: there is
// nothing to stop, and nothing is started for that.
func TestStopOfNothing(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	kill(t, st.MainPID, unix.SIGKILL)
	writeFile(t, s.stateFile().path, "garbled", 0o600)
	s.stop()
	s.mustNotRun("stopped")
	s.starts(1)
}

// The service has died while it had no supervisor: that is said, and a start starts it.
func TestOrphanDies(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	st := s.start("--follow-forks")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	kill(t, st.MainPID, unix.SIGKILL)
	s.says("is not running", 1)
	now := s.start("--follow-forks")
	if now.MainPID == st.MainPID {
		t.Errorf("first %+v, then %+v", st, now)
	}
	s.starts(2)
	s.stop()
}

// It is killed while it waits for a restart: start does not wait, adopt does.
func TestAdoptionInBackoff(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "300")
	kill(t, st.MainPID, unix.SIGKILL)
	st = s.waitState("backoff")
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.says("is not running", 1)
	if r := s.tell("adopt"); r.code != 0 {
		t.Errorf("adopt: %v", r)
	}
	if now := s.waitState("backoff"); now.NextStart == nil || !now.NextStart.Equal(*st.NextStart) {
		t.Errorf("next start was due at %v, now %v", st.NextStart, now.NextStart)
	}
	kill(t, s.status().SupervisorPID, unix.SIGKILL)
	s.start()
	s.starts(2)
	s.stop()
}

// The supervisor is killed, and the service dies of something else before the
// next one comes: start has it run, once, whatever was under way.
func TestOrphanDiesInTheMiddle(t *testing.T) {
	for _, verb := range []string{"nothing", "restart", "stop"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "stubborn")
			st := s.start("-t", "0", "--stop-timeout", "300")
			if verb != "nothing" {
				asked := launch(t, s.command(verb))
				s.waitState("stopping")
				if err := asked.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				asked.code()
			}
			kill(t, st.SupervisorPID, unix.SIGKILL)
			kill(t, st.MainPID, unix.SIGKILL)
			now := s.startAnyhow("-t", "0", "--stop-timeout", "0.3")
			if mains := s.mains(); len(mains) != 1 || mains[0] != now.MainPID {
				t.Errorf("main processes %v, status %+v", mains, now)
			}
			s.starts(2)
			s.stop()
		})
	}
}

// A log that can't be opened is a warning for what runs already: it keeps no command from taking the service
// over, or from ending it. For a first start it is an error.
func TestTakeoverWithoutLogs(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	logs := s.dir + "/logs"
	s.options = []string{"--log", logs + "/log", "--output", logs + "/out"}
	lose := func() {
		t.Helper()
		if err := errors.Join(os.RemoveAll(logs), os.WriteFile(logs, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	lose()
	mustFail(t, s.tell("start"), 1, logs+"/log")
	for _, verb := range []string{"start", "adopt", "stop"} {
		if err := errors.Join(os.Remove(logs), os.Mkdir(logs, 0o755)); err != nil {
			t.Fatal(err)
		}
		st := s.start()
		kill(t, st.SupervisorPID, unix.SIGKILL)
		lose()
		r := s.tell(verb)
		if r.code != 0 || !strings.Contains(r.stderr, "messages go to syslog") && verb != "stop" {
			t.Errorf("%s: %v", verb, r)
		}
		if verb != "stop" {
			if now := s.mustRun(); now.MainPID != st.MainPID {
				t.Errorf("%s: was %+v\nnow %+v", verb, st, now)
			}
			s.stop()
		}
		s.mustNotRun("stopped")
	}
	s.starts(3)
}

// Several stops, and adopts, of an orphan at once: when a stop says so, it has
// stopped.
func TestStopsOfAnOrphanAtOnce(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	for range 10 {
		st := s.start()
		kill(t, st.SupervisorPID, unix.SIGKILL)
		var asked []*running
		for _, verb := range []string{"adopt", "stop", "stop"} {
			asked = append(asked, launch(t, s.command(verb)))
		}
		for i, r := range asked {
			if code := r.code(); i > 0 && code != 0 {
				t.Errorf("a stop returned %d", code)
			}
		}
		if alive(st.MainPID) {
			t.Fatal("both have stopped it, but it runs")
		}
		s.mustNotRun("stopped")
	}
}

// Root runs nothing that another user has written down, or offers.
func TestAnotherUsersCommand(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	st := s.start()
	give := func(uid int) {
		t.Helper()
		if err := errors.Join(os.Chown(s.runtime, uid, -1), os.Chown(s.runtime+"/shape.sock", uid, -1)); err != nil {
			t.Fatal(err)
		}
	}
	const another = 23451
	give(another)
	s.upgrade() // what is installed is tried by the supervisor's user
	kill(t, st.SupervisorPID, unix.SIGKILL)
	for _, verb := range []string{"adopt", "stop"} {
		mustFail(t, s.tell(verb), 1, "belongs to uid 23451")
	}
	give(0)
	s.mustBeOrphaned(st.MainPID)
	s.stop()
}

// What was written down is garbled, half of it, gone, of another boot, or names
// others: no process of the service is lost, and no other one is touched.
func TestAdoptionWithBadState(t *testing.T) {
	stranger := func(state string, pid int) string {
		bystander := exec.Command("sleep", "300")
		if err := startChild(bystander); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if !alive(bystander.Process.Pid) {
				t.Error("a stranger was killed")
			}
			_ = bystander.Process.Kill()
			_ = waitChild(bystander)
		})
		return strings.ReplaceAll(state, fmt.Sprintf(`"pid":%d`, pid), fmt.Sprintf(`"pid":%d`, bystander.Process.Pid))
	}
	for name, spoil := range map[string]func(state string, pid int) string{
		"garbled":        func(string, int) string { return "\x00\xff{{{" },
		"half":           func(s string, _ int) string { return s[:len(s)/2] },
		"empty":          func(string, int) string { return "" },
		"other version":  func(s string, _ int) string { return strings.Replace(s, `"v":2`, `"v":77`, 1) },
		"a recycled pid": stranger,
		"no sense": func(s string, pid int) string {
			return strings.Replace(s, fmt.Sprintf(`"main":%d`, pid), `"main":1`, 1)
		},
		"other programs":  func(s string, _ int) string { return strings.Replace(s, `"program":0`, `"program":99`, 1) },
		"another machine": func(s string, _ int) string { return strings.Replace(s, `"boot":"`, `"boot":"f`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			st := s.start()
			kill(t, st.SupervisorPID, unix.SIGKILL)
			path := s.stateFile().path
			state, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			writeFile(t, path, spoil(string(state), st.MainPID), 0o600)
			if r := s.tell("status"); r.code != 4 && r.code != 1 {
				t.Errorf("status: %v", r)
			}
			if now := s.start(); now.MainPID != st.MainPID {
				t.Errorf("was %+v\nnow %+v", st, now)
			}
			s.starts(1)
			s.stop()
		})
	}
}

// Whenever the supervisor is killed, in the middle of a start, a restart or a
// stop too: after the next start there is exactly one instance.
func TestKilledAtAnyMoment(t *testing.T) {
	const lanes = 4
	rounds := 25
	if testing.Short() { // on an emulated processor
		rounds = 3
	}
	for lane := range lanes {
		kind := []string{"double-fork", "foreground", "helper-after", "late-middle"}[lane]
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, kind)
			s.options = []string{"--follow-forks", "-t", "0.1"}
			s.start()
			for round := range rounds {
				killInTheMiddle(s)
				s.startAnyhow()
				eventually(t, fmt.Sprintf("one instance in round %d", round), func() bool {
					mains := s.mains()
					return len(mains) == 1 && mains[0] == s.status().MainPID
				})
			}
			s.stop()
		})
	}
}

// A helper is exec'ed while there is no supervisor, in the middle of a start: the
// next one takes it for what it is, not for the daemon that it was forked by.
func TestExecWhileNobodyWatches(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "late-helper")
		s.track(step)
		asked := launch(t, s.command("start", "--follow-forks"))
		waiting, starter := s.truth("waiting", 1), s.truth("leaving", 1)
		eventually(t, "the supervisor has written the helper down", func() bool {
			s.status() // a question wakes one that has to look
			return len(matches(fmt.Sprintf(`"pid":%d\b`, waiting), s.stateFile().text())) > 0
		})
		supervisor := number((textFile{t, s.supervisorPidfile()}).waitFor(`^(\d+)$`, 1)[1])
		kill(t, supervisor, unix.SIGKILL)
		asked.code()
		kill(t, waiting, unix.SIGUSR1)
		s.truth("helper", 1)
		kill(t, starter, unix.SIGUSR1)
		waitDead(t, starter)
		if r := s.tell("adopt"); r.code != 0 {
			t.Fatalf("adopt: %v", r)
		}
		if now, main := s.waitState("running"), s.truth("main", 1); now.MainPID != main || now.Tracking != step {
			t.Errorf("main is %d, status says %+v", main, now)
		}
		s.starts(1)
		s.stop()
	})
}

// killInTheMiddle has something begin, and kills the supervisor soon after.
func killInTheMiddle(s *service) {
	st := s.mustRun()
	verbs := []string{"start", "restart", "stop", "crash", "nothing"}
	verb := verbs[rand.IntN(len(verbs))]
	delay := time.Duration(rand.IntN([]int{20, 300}[rand.IntN(2)])) * time.Millisecond
	s.t.Logf("%s, and %v later kill -9 of the supervisor, pid %d if it is no start", verb, delay, st.SupervisorPID)
	supervisor := st.SupervisorPID
	switch verb {
	case "crash":
		kill(s.t, st.MainPID, unix.SIGKILL)
	case "nothing":
	case "start":
		s.stop()
		asked := launch(s.t, s.command(verb))
		defer asked.code() // it must not meddle with what comes next
		supervisor = number((textFile{s.t, s.supervisorPidfile()}).waitFor(`^(\d+)$`, 1)[1])
	default:
		asked := launch(s.t, s.command(verb))
		defer asked.code()
	}
	time.Sleep(delay) // any moment will do
	if alive(supervisor) && unix.Kill(supervisor, unix.SIGKILL) == nil {
		waitDead(s.t, supervisor)
	}
}

// startAnyhow starts it, which may be in any state, and waits until it is up.
func (s *service) startAnyhow(options ...string) status {
	s.t.Helper()
	if r := s.tell("start", options...); r.code != 0 {
		s.t.Fatalf("start: %v", r)
	}
	return s.waitState("running")
}

// mains are the live ones of those that said they were main, by their own
// account.
func (s *service) mains() []int {
	var pids []int
	for _, m := range matches(`(?m)^main (\d+)$`, s.journal.text()) {
		if pid := number(m[1]); alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}
