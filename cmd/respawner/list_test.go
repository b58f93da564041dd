package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"respawner/watch/control"
)

// zoo is a service in each state, the most urgent first.
func zoo() []*control.Status {
	next := renderNow.Add(3 * time.Second)
	all := []*control.Status{
		{Name: "alone", State: "orphaned", MainPID: 300, Message: "its supervisor has died",
			Processes: []control.Process{{PID: 300, PPID: 1, Role: "main"}}},
		{Name: "broken", State: "failed", Since: ago(time.Hour), Restarts: 5, RespawnLimit: 5,
			LastExit: &control.Exit{PID: 9, Code: 1, At: ago(time.Hour)}, Message: "gave up after 5 restarts\x1b[2J"},
		{Name: "lighttpd", State: "running", Since: ago(3*time.Minute + 12*time.Second), MainPID: 124, SupervisorPID: 99, Restarts: 2,
			LastExit:  &control.Exit{PID: 123, Signal: 9, At: ago(3*time.Minute + 17*time.Second)},
			Processes: []control.Process{{PID: 124, PPID: 99, Role: "main"}, {PID: 130, PPID: 124}, {PID: 131, PPID: 130}, {PID: 140, PPID: 99, Role: "stray"}}},
		{Name: "old", State: "running", Since: ago(52 * time.Hour), MainPID: 4194304, SupervisorPID: 7, Restarts: 1234567,
			Processes: []control.Process{{PID: 4194304, PPID: 7, Role: "main"}}},
		{Name: "silent", State: "unknown", Message: "silent: the supervisor does not answer"},
		{Name: "single.sh", State: "backoff", Since: ago(2 * time.Second), NextStart: &next, SupervisorPID: 5, Restarts: 3,
			LastExit: &control.Exit{PID: 123, Code: 1, At: ago(2 * time.Second)}, Message: "single.sh: pid 123 exited, status 1"},
		{Name: "über-日本語", State: "stopped", Since: ago(50 * time.Minute)},
	}
	slices.SortFunc(all, byUrgency)
	return all
}

func zooOf(name string) *control.Status {
	for _, s := range zoo() {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Problems come first, and each of them is one.
func TestByUrgency(t *testing.T) {
	var order, problems []string
	for _, s := range zoo() {
		order = append(order, s.State)
		if isProblem(s) {
			problems = append(problems, s.State)
		}
	}
	if got, want := strings.Join(order, " "), "orphaned unknown failed backoff running running stopped"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := strings.Join(problems, " "), "orphaned unknown failed backoff"; got != want {
		t.Errorf("problems: %s, want %s", got, want)
	}
	if !isProblem(&control.Status{State: "of a later version"}) {
		t.Error("a state that is not known is none")
	}
}

// A backoff counts down, and tells what it is due to.
func TestNextStart(t *testing.T) {
	next := renderNow.Add(2500 * time.Millisecond)
	s := &control.Status{Name: "web", State: "backoff", NextStart: &next, LastExit: &control.Exit{PID: 9, Signal: 9}}
	for message, want := range map[string]string{
		"web: pid 9 killed by signal 9 (SIGKILL)": "next start in 2.5s: pid 9 killed by signal 9 (SIGKILL)",
		"web exited, status 78 before it was up":  "next start in 2.5s: web exited, status 78 before it was up",
	} {
		if s.Message = message; lastWords(s, renderNow) != want {
			t.Errorf("%q, want %q", lastWords(s, renderNow), want)
		}
	}
}

func TestList(t *testing.T) {
	for name, d := range map[string]display{
		"pipe": {}, "narrow": {width: 60}, "tiny": {width: 5}, "colour": {width: 120, colour: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := d.drawAll(titled(listColumns(), listRows(zoo(), renderNow)))
			golden(t, filepath.Join("testdata", "list-"+name+".txt"), got)
		})
	}
}

// TestListForAwk: no cell is empty, and only the last has blanks in it.
func TestListForAwk(t *testing.T) {
	lines := display{}.drawAll(titled(listColumns(), listRows(zoo(), renderNow)))
	for row := range strings.Lines(lines) {
		cells := regexp.MustCompile("  +").Split(strings.TrimSuffix(row, "\n"), -1)
		if len(cells) != len(listColumns()) || !slices.Equal(cells[:6], strings.Fields(row)[:6]) {
			t.Errorf("%q in %q", cells, row)
		}
	}
}

func TestTree(t *testing.T) {
	born := map[int]time.Duration{124: 100 * time.Second, 130: 101 * time.Second, 131: 5 * time.Hour}
	info := func(pid int) procInfo {
		return procInfo{Born: born[pid], CPU: time.Duration(pid) * time.Second, RSS: int64(pid) << 14}
	}
	for name, d := range map[string]display{"pipe": {}, "narrow": {width: 40}, "colour": {width: 80, colour: true}} {
		t.Run(name, func(t *testing.T) {
			var lines []line
			for _, s := range []*control.Status{zooOf("broken"), zooOf("lighttpd")} {
				lines = append(lines, treeTitle(s, renderNow))
				lines = append(lines, treeLines(s, 5*time.Hour+10*time.Second, info, fakeCmdline)...)
			}
			golden(t, filepath.Join("testdata", "tree-"+name+".txt"), d.drawAll(lines))
		})
	}
}

func TestRenderInColour(t *testing.T) {
	var out strings.Builder
	if err := render(&out, display{width: 30, colour: true}, statuses()["daemon"], renderNow, fakeCmdline); err != nil {
		t.Fatal(err)
	}
	golden(t, filepath.Join("testdata", "status-daemon-colour.txt"), out.String())
}

// TestOptionsOfAll: list and top are about all services, tree may be.
func TestOptionsOfAll(t *testing.T) {
	for in, want := range map[string]options{
		"list": {}, "top": {}, "tree": {}, "list --json": {JSON: true}, "tree ./a b": {Name: "a", Names: []string{"a", "b"}},
	} {
		got, err := parse(words(in)...)
		if err != nil || got.JSON != want.JSON || got.Name != want.Name || !slices.Equal(got.Names, want.Names) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for in, want := range map[string]string{
		"list x": "status or tree NAME shows one", "top --name x": "takes no name", "top --json": "--json does not belong to top", "tree a/../..": "bad service name",
	} {
		if _, err := parse(words(in)...); exitCode(err) != exitUsage || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", in, err, want)
		}
	}
}
