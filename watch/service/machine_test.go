package service

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTableIsTotal(t *testing.T) {
	for s := range states {
		for k := range kinds {
			if table[s][k] == nil {
				t.Errorf("state %v does not say what it does with %v", s, k)
			}
		}
	}
}

func TestExitString(t *testing.T) {
	for want, e := range map[string]Exit{
		"exited, status 3":                {Known: true, Code: 3},
		"killed by signo 9":               {Known: true, Signal: 9},
		"killed by signo 11, core dumped": {Known: true, Signal: 11, Core: true},
		"ended, how is not known":         {},
	} {
		if got := e.String(); got != want {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
}

func TestSucceeded(t *testing.T) {
	for _, c := range []struct {
		codes []int
		exit  Exit
		want  bool
	}{
		{nil, Exit{Known: true}, true},
		{nil, Exit{Known: true, Code: 1}, false},
		{nil, Exit{}, false},
		{nil, Exit{Known: true, Signal: 15}, false},
		{[]int{1}, Exit{Known: true}, false},
		{[]int{0, 1}, Exit{Known: true, Code: 1}, true},
	} {
		if got := (Spec{SuccessCodes: c.codes}).succeeded(c.exit); got != c.want {
			t.Errorf("%v %v: got %v", c.codes, c.exit, got)
		}
	}
}

// An event about a process of no concern, or of an earlier run, is dropped.
func TestStaleEvents(t *testing.T) {
	m := New(Spec{Name: "web"})
	now := time.Unix(0, 0)
	m.Step(now, Start{})
	if got := m.Step(now, Spawned{Run: 7, PID: 100}); len(got) > 0 || len(m.Snapshot().Procs) > 0 {
		t.Errorf("took the answer of another run: %v", got)
	}
	m.Step(now, Spawned{Run: 1, PID: 100})
	for _, ev := range []Event{Exited{PID: 5}, Execed{PID: 5}, Spawned{Run: 1, PID: 5}, SpawnFailed{Run: 1}, Forked{100, 100}} {
		if got := m.Step(now, ev); len(got) > 0 {
			t.Errorf("%T: %v", ev, got)
		}
	}
	if n := len(m.Snapshot().Procs); n != 1 {
		t.Errorf("%d processes, want 1", n)
	}
}

func TestChildrenAndProgram(t *testing.T) {
	m := New(Spec{})
	now := time.Unix(0, 0)
	m.Step(now, Start{})
	m.Step(now, Spawned{1, 100, Program{"/web", "web"}})
	m.Step(now, Forked{100, 102})
	m.Step(now, Forked{100, 101})
	if got := m.Children(100); !slices.Equal(got, []int{102, 101}) {
		t.Errorf("children %v, want them in order of birth", got)
	}
	if got := m.Program(101); got.File != "/web" {
		t.Errorf("a fork runs %v, want its parent's program", got)
	}
	m.Step(now, Execed{100, Program{"/real", "web"}})
	if a, b := m.Program(100), m.Program(101); a.File != "/real" || b.File != "/web" {
		t.Errorf("after an exec it runs %v, and its fork %v", a, b)
	}
	if m.Parent(101) != 100 || m.Parent(100) != 0 {
		t.Errorf("parents %d and %d, want 100, and 0 of a root", m.Parent(101), m.Parent(100))
	}
	if m.Children(5) != nil || m.Program(5) != (Program{}) || m.Parent(5) != 0 {
		t.Error("an unknown process has children, a program or a parent")
	}
}

// Only the deadline that was set ends the wait for what a successor runs, and it
// means nothing where there is none.
func TestStaleDeadlines(t *testing.T) {
	m, now := New(Spec{Name: "web"}), time.Unix(0, 0)
	for _, ev := range []Event{Start{}, Spawned{Run: 1, PID: 100}, Due{TimerSettle}, Due{TimerSettle}} {
		m.Step(now, ev)
	}
	if s := m.Snapshot(); s.State != Running || s.Followed || m.Settling() {
		t.Errorf("a deadline that was over has come to something: %+v", s)
	}
	now = now.Add(MinUptime)
	m.Step(now, Forked{100, 101})
	m.Step(now, Exited{PID: 100, Exit: Exit{Known: true}})
	for _, timer := range []Timer{TimerRespawn, TimerAsk, TimerKill, TimerStuck} {
		if m.Step(now, Due{timer}); !m.Settling() {
			t.Fatalf("%v has ended the wait", timer)
		}
	}
	if m.Step(now, Due{TimerSettle}); m.Settling() || !m.Snapshot().Followed {
		t.Error("the wait has no end")
	}
}

// A gist reports whether what matters has changed.
func TestGist(t *testing.T) {
	m, now := New(Spec{Follow: FollowOn}), time.Unix(0, 0)
	for _, tt := range []struct {
		ev   Event
		want Gist
	}{
		{Start{}, Gist{Starting, 1, 0, 0}},
		{Spawned{Run: 1, PID: 100}, Gist{Starting, 1, 0, 0}},
		{Forked{100, 101}, Gist{Starting, 1, 0, 0}},
		{Forked{0, 102}, Gist{Starting, 1, 0, 0}},
		{Exited{PID: 100, Exit: Exit{Known: true}}, Gist{Starting, 1, 0, 0}},
		{Due{TimerSettle}, Gist{Running, 1, 101, 2}},
		{Named{102}, Gist{Running, 1, 102, 2}},
		{Stop{}, Gist{Stopping, 1, 0, 2}},
	} {
		m.Step(now, tt.ev)
		if got := m.Gist(); got != tt.want || got.State != m.State() {
			t.Errorf("%T: %+v, want %+v", tt.ev, got, tt.want)
		}
	}
	if m.Run() != 1 || m.Spawning() {
		t.Errorf("run %d, spawning %v", m.Run(), m.Spawning())
	}
}

func TestNames(t *testing.T) {
	var got []string
	for s := range states {
		got = append(got, s.String())
	}
	for timer := range timers {
		got = append(got, timer.String())
	}
	for _, s := range []fmt.Stringer{FollowAuto, FollowOn, FollowOff, Other, Main, Root, Stray} {
		got = append(got, s.String())
	}
	want := "stopped starting running stopping backoff failed settle respawn ask kill stuck auto on off  main root stray"
	if strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", strings.Join(got, " "), want)
	}
}

// Killed by a fault of its own, or by a signal that is no request: these, and no others.
func TestBroke(t *testing.T) {
	var got []int
	for signal := range 65 {
		if (Exit{Known: true, Signal: signal}).broke() {
			got = append(got, signal)
		}
	}
	if want := []int{3, 4, 5, 6, 7, 8, 9, 11, 24, 25, 31}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// The last exit is that of any root that could be main, or of main, whichever process
// its parent is.
func TestLastExit(t *testing.T) {
	now := time.Unix(0, 0)
	for dead, named := range map[int]int{2: 0, 3: 0, 4: 4} {
		m := New(Spec{Name: "x", Follow: FollowOn})
		for _, ev := range []Event{
			Start{}, Spawned{Run: 1, PID: 1}, Forked{1, 2}, Forked{1, 3}, Forked{2, 4}, Exited{PID: 1, Exit: Exit{Known: true}}, Due{TimerSettle}, Named{named},
		} {
			m.Step(now, ev)
		}
		m.Step(now, Exited{PID: dead, Exit: Exit{Known: true, Signal: 9}})
		if got := m.Snapshot().LastExit.PID; got != dead {
			t.Errorf("%d was killed, the last exit is that of %d", dead, got)
		}
	}
}
