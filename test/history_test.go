//go:build linux

package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// After the fact, and without a supervisor, history tells of each life which
// process died first, and of what.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := newShape(t, "twins")
	s.start("-t", "0.1", "--follow-forks")
	victim := s.truth("second", 1)
	kill(t, victim, unix.SIGSEGV)
	s.log.waitFor(`restarted\(1/`, 1)
	s.waitState("running")
	if r := s.tell("restart"); r.code != 0 {
		t.Fatalf("restart: %v", r)
	}
	if r := s.tell("history"); !strings.Contains(r.stdout, "shape, life 3 of 3: up since ") {
		t.Errorf("while it runs: %v", r)
	}
	s.stop()
	r := s.tell("history")
	out := textFile{t, writeFile(t, s.dir+"/history", r.stdout, 0o600)}
	out.inOrder(
		`(?m)^shape, life 1 of 3: up for \d+\.\ds; it crashed; first death: `+
			fmt.Sprintf(`pid %d \((main|root)\) killed by signal 11 \(SIGSEGV\)(, core dumped)?; started again \d+\.\ds later$`, victim),
		`started `, `followed `, `running `, `exited `, `crashed `, `backoff `,
		`(?m)^shape, life 2 of 3: up for \d+\.\ds; it was restarted on request; started again \d+\.\ds later$`,
		`started `, `running `, `restarting `,
		`(?m)^shape, life 3 of 3: up for \d+\.\ds; shape was stopped$`,
		`stopping `, `stopped `,
	)
	if r := s.tell("history", "-n", "1"); r.code != 0 || strings.Count(r.stdout, "life ") != 1 || !strings.HasPrefix(r.stdout, "shape, life 3 of 3") {
		t.Errorf("the last life alone: %v", r)
	}
	var all []struct {
		Name  string
		Lives []struct {
			Number    int
			Up, Ended *time.Time
			Story     string
			Events    []struct{ Name, What string }
		}
	}
	r = s.tell("history", "--json")
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || len(all) != 1 || all[0].Name != "shape" || len(all[0].Lives) != 3 {
		t.Fatalf("history --json: %v, %v", err, r)
	}
	if l := all[0].Lives[1]; l.Number != 2 || l.Up == nil || l.Ended == nil || !l.Ended.After(*l.Up) || !strings.Contains(l.Story, "restarted on request") ||
		len(l.Events) < 3 || l.Events[0].Name != "shape" || l.Events[0].What != "started" {
		t.Errorf("history --json: the second life: %+v", l)
	}
}

// recalls asserts that the history has a line.
func (s *service) recalls(pattern string) {
	s.t.Helper()
	if r := s.tell("history"); r.code != 0 || len(matches(pattern, r.stdout)) == 0 {
		s.t.Errorf("history should say %q: %v", pattern, r)
	}
}

// tellsOfKilling asserts that log and history name the processes that did not heed
// TERM. pids is the pattern of their pids.
func (s *service) tellsOfKilling(pids string) {
	s.t.Helper()
	s.log.waitFor(`warning: `+s.name+`: pid `+pids+` still there, though asked to end: killing$`, 1)
	s.recalls(`killing +they did not end when asked to: pid ` + pids + `$`)
}

// What a supervisor that was killed had written down is not lost.
func TestHistoryAfterTheSupervisorsDeath(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	if r := s.tell("history"); r.code != 0 || !strings.Contains(r.stdout, "no end is recorded: its supervisor was killed") {
		t.Errorf("history: %v", r)
	}
	kill(t, st.MainPID, unix.SIGKILL)
}

func TestHistoryOfNobody(t *testing.T) {
	t.Parallel()
	s := newService(t, "never-heard-of")
	mustFail(t, s.tell("history"), 1, "nothing is recorded")
	r := s.tell("history", "--json")
	if r.code != 1 || r.stdout != "[]\n" {
		t.Errorf("history --json: %v", r)
	}
}
