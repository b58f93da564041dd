package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"respawner/watch/control"
)

var update = flag.Bool("update", false, "write the golden files anew")

var renderNow = time.Date(2026, 11, 22, 19, 38, 13, 0, time.UTC)

func ago(d time.Duration) time.Time { return renderNow.Add(-d) }

// statuses are rendered into the golden files that bear their names.
func statuses() map[string]control.Status {
	next := renderNow.Add(2300 * time.Millisecond)
	return map[string]control.Status{
		"daemon": {
			Name: "lighttpd", State: "running", Since: ago(3*time.Minute + 12*time.Second),
			MainPID: 124, SupervisorPID: 99, Restarts: 2, RespawnLimit: 5,
			Follow: "auto", Followed: true, Tracking: "events", Resyncs: 1, Output: "/var/log/respawner/lighttpd.log",
			LastExit: &control.Exit{PID: 123, Signal: 9, At: ago(3*time.Minute + 17*time.Second)},
			Processes: []control.Process{
				{PID: 124, PPID: 99, Role: "main"}, {PID: 130, PPID: 124}, {PID: 131, PPID: 130},
				{PID: 132, PPID: 124}, {PID: 1400, PPID: 99, Role: "stray"}, {PID: 1401, PPID: 1400},
			},
		},
		"backoff": {
			Name: "single.sh", State: "backoff", Since: ago(2700 * time.Millisecond), NextStart: &next,
			SupervisorPID: 99, Restarts: 3, Follow: "auto", Tracking: "scan",
			TrackingReason: "no connector in this namespace",
			LastExit:       &control.Exit{PID: 123, Code: 1, At: ago(2700 * time.Millisecond)},
		},
		"simple": {
			Name: "forever.sh", State: "running", Since: ago(50 * time.Hour), MainPID: 7, SupervisorPID: 6,
			Follow: "auto", Tracking: "events", Processes: []control.Process{{PID: 7, PPID: 6, Role: "main"}},
		},
		"failed": {
			Name: "x", State: "failed", Follow: "on", Tracking: "events", Restarts: 5, RespawnLimit: 5,
			LastExit: &control.Exit{PID: 9, Code: -1, Signal: -1, At: ago(2*time.Hour + 5*time.Minute)},
			Message:  "gave up after 5 restarts\x1b[2J",
			Said:     []string{"x: reading x.conf", "", "x: \x1b[1mx.sock: Address already in use"},
		},
		"hostile": {
			Name: "x", State: "stopping", Follow: "off", MainPID: 50, SupervisorPID: 6, Tracking: "events",
			Processes: []control.Process{
				{PID: 50, PPID: 50}, {PID: 50, PPID: 50}, {PID: 51, PPID: 52}, {PID: 52, PPID: 51}, {PID: 66, PPID: 52},
			},
		},
	}
}

func fakeCmdline(pid int) string {
	switch pid {
	case 124:
		return "/usr/sbin/lighttpd -f /etc/lighttpd/lighttpd.conf"
	case 66:
		return "evil \x1b]0;title\a \u202e\xff " + strings.Repeat("x", 200)
	case 52:
		return ""
	}
	return fmt.Sprintf("program-%d", pid)
}

func TestRender(t *testing.T) {
	for name, status := range statuses() {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := render(&out, display{}, status, renderNow, fakeCmdline); err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join("testdata", "status-"+name+".txt"), out.String())
		})
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%swant (%s):\n%s", got, path, want)
	}
}

// TestDeepForest: a chain of thousands neither hangs nor runs out of the line.
func TestDeepForest(t *testing.T) {
	s := control.Status{Name: "x", State: "running"}
	for pid := range 20_000 {
		s.Processes = append(s.Processes, control.Process{PID: pid + 2, PPID: pid + 1})
	}
	var out strings.Builder
	if err := render(&out, display{}, s, renderNow, func(int) string { return "deep" }); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "deep\n"); n != len(s.Processes) {
		t.Errorf("%d of %d processes shown", n, len(s.Processes))
	}
}

func TestSpan(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{-time.Second, "0s"},
		{999 * time.Millisecond, "0s"},
		{59 * time.Second, "59s"},
		{time.Minute, "1m 0s"},
		{2*time.Hour + 5*time.Minute, "2h 5m"},
		{50 * time.Hour, "2d 2h"},
	}
	for _, tt := range tests {
		if got := span(tt.d); got != tt.want {
			t.Errorf("span(%v) = %q, want %q", tt.d, got, tt.want)
		}
	}
}

func TestStatusCodes(t *testing.T) {
	for state, want := range map[string]int{
		"running": 0, "starting": 3, "stopping": 3, "backoff": 3, "failed": 3, "stopped": 3,
	} {
		if got := statusCode(state, false); got != want {
			t.Errorf("%s: %d, want %d", state, got, want)
		}
		if got := statusCode(state, true); got != lsbDead {
			t.Errorf("%s with leftovers: %d", state, got)
		}
	}
	for _, tt := range []struct {
		codes []int
		want  int
	}{{nil, 0}, {[]int{0, 0}, 0}, {[]int{0, 3}, 3}, {[]int{3, 1, 0}, 1}, {[]int{1, 4, 3}, 4}} {
		if got := worstCode(tt.codes); got != tt.want {
			t.Errorf("worstCode(%v) = %d, want %d", tt.codes, got, tt.want)
		}
	}
}

func TestCmdline(t *testing.T) {
	if got, want := cmdline(os.Getpid()), strings.Join(os.Args, " "); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := cmdline(-1); got != "" {
		t.Errorf("a process that is gone has the command line %q", got)
	}
	// Kernel threads have no command line.
	if comm, err := os.ReadFile("/proc/2/comm"); err == nil && string(comm) == "kthreadd\n" {
		if got := cmdline(2); got != "[kthreadd]" {
			t.Errorf("got %q", got)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[2J\u202e\xff\u0301")
	f.Fuzz(func(t *testing.T, s string) {
		got := printable(s)
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x202e }) || printable(got) != got {
			t.Errorf("printable(%q) = %q", s, got)
		}
	})
}
