package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"respawner/watch/control"
)

// past makes events of lines such as "10.5 exited 120 main signal 11", the
// first number being the second it came about.
func past(t *testing.T, lines string) []control.Event {
	t.Helper()
	var out []control.Event
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		var at float64
		ev := control.Event{Seq: int64(len(out) + 1)}
		head, text, _ := strings.Cut(strings.TrimSpace(line), ":")
		if _, err := fmt.Sscan(head, &at, &ev.What, &ev.PID); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ev.Time, ev.Text = renderNow.Add(time.Duration(at*1000)*time.Millisecond), text
		if ev.What == "exited" {
			ev.Exit = &control.Exit{PID: ev.PID, At: ev.Time}
			if _, err := fmt.Sscan(head, &at, &ev.What, &ev.PID, &ev.Role, &ev.Exit.Code, &ev.Exit.Signal, &ev.Exit.Core); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			ev.Role = strings.Trim(ev.Role, "-")
		}
		out = append(out, ev)
	}
	return out
}

// histories are told in the golden files that bear their names.
var histories = map[string]struct {
	lines string
	held  bool
}{
	"crash": {lines: `
		0 started 118
		0.2 followed 0:120 121
		0.5 running 120
		600 signalled 120:SIGHUP to 1 processes
		900 exited 130 - 0 9 false
		1000 exited 121 root 0 11 true
		1000.3 exited 120 main 0 0 false
		1000.3 crashed 0:web: pid 120 exited, status 0
		1000.3 backoff 0:next start in 5s
		1000.4 exited 122 - 0 15 false
		1001.3 killing 0:123
		1001.4 exited 123 - 0 9 false
		1005.3 started 140
		1005.6 running 140
		1100 main 141
		1200 tracking 0:scan: the connector was closed`, held: true},
	"failed": {lines: `
		0 started 118
		0.01 exited 118 - 1 0 false
		0.01 crashed 0:web exited, status 1 before it was up
		0.01 backoff 0:next start in 0s
		0.02 started 119
		0.03 exited 119 - 1 0 false
		0.03 stopping 0:web exited, status 1 before it was up; gave up after 1 restarts
		0.03 failed 0:web exited, status 1 before it was up; gave up after 1 restarts`},
	"nobody-knows": {lines: `
		0 started 118
		0.1 running 118
		0.2 exited 119 - -1 -1 false
		0.5 exited 120 - 0 11 false
		0.6 exited 118 main 1 0 false
		0.6 crashed 0:web: pid 118 exited, status 1
		0.7 started 121
		0.8 running 121
		0.9 exited 122 - -1 -1 false
		1.0 exited 121 main -1 -1 false
		1.1 exited 123 - 0 13 false
		1.1 crashed 0:web: pid 121 ended, how is not known`, held: true},
	"not-executable": {lines: `
		0 stopping 0:/x: permission denied
		0 failed 0:/x: permission denied`},
	"killed-supervisor": {lines: `
		0 running 120
		60 resynced 0:events were lost
		90 started 130
		90.2 running 130
		99 restarting 0:web is being restarted
		99.1 exited 130 main 0 0 false
		99.2 started 131`},
	"hostile": {lines: "0 started 1\n1 \x1b[2J 2:a\x1b]0;title\a\n2 exited 7 \x1b[1m -1 -1 false"},
}

func TestHistory(t *testing.T) {
	local := time.Local
	time.Local = time.UTC
	defer func() { time.Local = local }()
	for name, h := range histories {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			tellAll(&out, lives("web", past(t, h.lines), h.held))
			golden(t, filepath.Join("testdata", "history-"+name+".txt"), out.String())
		})
	}
}

func TestHowEnded(t *testing.T) {
	for want, exit := range map[string]control.Exit{
		"exited, status 0":                           {},
		"exited, status 255":                         {Code: 255},
		"killed by signal 9 (SIGKILL)":               {Signal: 9},
		"killed by signal 11 (SIGSEGV), core dumped": {Signal: 11, Core: true},
		"killed by signal 40":                        {Signal: 40},
		"ended, how is not known":                    {Code: -1, Signal: -1},
	} {
		if got := howEnded(exit); got != want {
			t.Errorf("%+v: %q, want %q", exit, got, want)
		}
	}
}

func TestProgressLine(t *testing.T) {
	soon, late := renderNow.Add(4*time.Second), renderNow.Add(time.Minute)
	for want, left := range map[string]map[string]*control.Status{
		"stopping web: 3 processes left (12s), KILL in 4s": {"web": {PIDs: []int{1, 2, 3}, KillAt: &soon}},
		"stopping db, web: 3 processes left (12s), KILL in 4s": {
			"web": {PIDs: []int{1}, KillAt: &late}, "db": {PIDs: []int{2, 3}, KillAt: &soon},
		},
		"stopping web: 1 process left (12s)":      {"web": {PIDs: []int{1}}},
		`stopping a\x1bb: 0 processes left (12s)`: {"a\x1bb": {}},
	} {
		if got := progressLine(left, renderNow, ago(12*time.Second)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
