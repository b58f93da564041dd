//go:build linux

package test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// inTrouble are services with every problem that there is, and a good one, in the order in which
// they should be told of.
func inTrouble(t *testing.T) (all []*service) {
	t.Helper()
	good := newShape(t, "foreground")
	good.name = "a-good"
	orphan, failed, waits := good.beside("z-orphan"), newShell(t, "exit 3"), good.beside("x-waits")
	failed.name, failed.runtime = "y-failed", good.runtime
	good.start()
	kill(t, orphan.start().SupervisorPID, unix.SIGKILL)
	if r := failed.tell("start", "-n", "1", "-t", "0.05"); r.code != 1 {
		t.Fatalf("start: %v", r)
	}
	failed.waitState("failed")
	kill(t, waits.start("-t", "100").MainPID, unix.SIGKILL)
	waits.waitState("backoff")
	return []*service{orphan, failed, waits, good}
}

func endTrouble(all []*service) {
	for _, s := range all {
		if s.status().State != "failed" {
			s.quietStop()
		}
	}
}

// list tells of problems first; --failed tells of nothing else.
func TestListProblemsFirst(t *testing.T) {
	t.Parallel()
	all := inTrouble(t)
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{[]string{"list", "--runtime-dir", all[0].runtime}, "z-orphan y-failed x-waits a-good"},
		{[]string{"list", "--runtime-dir", all[0].runtime, "--failed"}, "z-orphan y-failed x-waits"},
	} {
		r := call(t, tt.words...)
		var names []string
		for _, m := range matches(`^([a-z]-\w+) `, r.stdout) {
			names = append(names, m[1])
		}
		if got := strings.Join(names, " "); got != tt.want || r.code != 0 {
			t.Errorf("%v: %s, not %s: %v", tt.words, got, tt.want, r)
		}
		var told []status
		r = call(t, append(tt.words, "--json")...)
		if err := json.Unmarshal([]byte(r.stdout), &told); err != nil || len(told) != len(names) || told[0].Name != "z-orphan" {
			t.Errorf("%v --json: %v, %v", tt.words, err, r)
		}
	}
	if cell := all[2].listed()[6]; !regexp.MustCompile(`^next start in 1m \d+s: pid \d+ killed by signal 9 \(SIGKILL\)$`).MatchString(cell) {
		t.Errorf("in backoff: %q", cell)
	}
	endTrouble(all)
}

// The processes of an orphan are shown, as those of any other.
func TestOrphanHasProcesses(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-child")
	st := s.start("--follow-forks")
	helper := s.truth("helper", 1)
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.mustBeOrphaned(st.MainPID)
	now := s.status()
	if len(now.Processes) != 2 || now.Processes[0] != (member{st.MainPID, now.Processes[0].PPID, "main"}) || now.Processes[1] != (member{helper, st.MainPID, ""}) {
		t.Errorf("processes %+v", now.Processes)
	}
	r := s.tell("status")
	tree := fmt.Sprintf(`(?m)^ +%d  main  .*\n +%d +└─ `, st.MainPID, helper)
	if !regexp.MustCompile(tree).MatchString(r.stdout) {
		t.Errorf("status should show %q: %v", tree, r)
	}
	if row := s.listed(); len(row) != 7 || row[5] != "2" {
		t.Errorf("list: %q", row)
	}
	if r := s.tell("tree"); !strings.Contains(r.stdout, strconv.Itoa(helper)) {
		t.Errorf("tree: %v", r)
	}
	s.stop()
}

// top puts problems first too, an orphan in a colour that is seen. It counts down to a restart, and
// says what that is due to; of what is gone it shows no memory.
func TestTopProblemsFirst(t *testing.T) {
	t.Parallel()
	all := inTrouble(t)
	w := newTerminal(t, 100, 24, respawner+" top --runtime-dir "+all[0].runtime)
	w.shows(`^> z-orphan +orphaned .*\n  y-failed +failed .*\n  x-waits +backoff .*\n  a-good +running `)
	w.shows(`4 services, 1 orphaned, 1 failed, 1 backoff, 1 running$`)
	if text := w.painted(); len(matches(`\x1b\[[0-9;]*31[0-9;]*m[^\x1b]*(\x1b\[7m)?orphaned`, text)) == 0 {
		t.Errorf("an orphan is not red: %q", text)
	}
	w.press("Down", "Down")
	w.shows(`^x-waits  in 1m \d+s: pid \d+ killed by signal 9 \(SIGKILL\)`)
	w.shows(`^> x-waits +backoff +- +- +0 +- +- `)
	shown := map[string]bool{}
	eventually(t, "it counts down", func() bool {
		for _, m := range matches(`^x-waits  in 1m (\d+)s: `, w.screen()) {
			shown[m[1]] = true
		}
		return len(shown) > 2
	})
	w.press("q")
	w.ended()
	endTrouble(all)
}
