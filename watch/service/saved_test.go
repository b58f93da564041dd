package service

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a restored machine is told of can start the service: once, though it
// resumes afterwards.
func TestOneStartAfterRestore(t *testing.T) {
	proc := SavedProc{PID: 5, Seq: 1, Founder: 1, Founding: true}
	for name, was := range map[string]Saved{
		"its main has died":          {State: Running, Main: 5},
		"the last leftover has died": {State: Backoff},
		"it was being restarted":     {State: Stopping, Again: true},
	} {
		was.Run, was.Programs, was.Procs = 1, []Program{{}}, []SavedProc{proc, {PID: 6, Seq: 2, Founder: 2}}
		m, err := Restore(Spec{Name: "x"}, was)
		if err != nil {
			t.Fatal(err)
		}
		var starts []Effect
		for _, ev := range []Event{Exited{PID: 5}, Exited{PID: 6}, Resume{}} {
			for _, e := range m.Step(time.Unix(0, 0), ev) {
				if _, ok := e.(Spawn); ok {
					starts = append(starts, e)
				}
			}
		}
		if len(starts) != 1 {
			t.Errorf("%s: starts %v", name, starts)
		}
	}
}

// Where not all are written down it is the deepest that are left out.
func TestRootsAreSavedFirst(t *testing.T) {
	m, now := New(Spec{Name: "x"}), time.Unix(0, 0)
	for _, ev := range []Event{Start{}, Spawned{Run: 1, PID: 1}, Forked{1, 2}, Forked{2, 3}, Forked{0, 4}, Forked{4, 5}, Execed{2, Program{"/b", "b"}}, Execed{4, Program{"/b", "b"}}} {
		m.Step(now, ev)
	}
	var pids []int
	for _, q := range m.Save().Procs {
		pids = append(pids, q.PID)
	}
	if want := []int{1, 4, 2, 5, 3}; !slices.Equal(pids, want) {
		t.Errorf("saved %v, want %v", pids, want)
	}
	if programs := m.Save().Programs; !slices.Equal(programs, []Program{{}, {"/b", "b"}}) {
		t.Errorf("programs %q, want each once", programs)
	}
}

// What makes no sense is refused.
func TestRefused(t *testing.T) {
	good := func() Saved {
		return Saved{
			State: Running, Run: 1, Main: 5, Programs: []Program{{File: "/a"}, {File: "/b"}},
			Procs: []SavedProc{{PID: 5, Seq: 1, Founder: 1, Founding: true, Program: 1}, {PID: 1, Parent: 5, Seq: 2, Founder: 1}},
		}
	}
	m, err := Restore(Spec{}, good())
	if err != nil || m.Program(5).File != "/b" || m.Program(1).File != "/a" || m.Parent(1) != 5 {
		t.Fatalf("what is good was refused, or garbled: %v", err)
	}
	for name, spoil := range map[string]func(*Saved){
		"lacks what each has: state below":    func(s *Saved) { s.State = -1 },
		"lacks what each has: state above":    func(s *Saved) { s.State = states },
		"lacks what each has: run":            func(s *Saved) { s.Run = -1 },
		"lacks what each has: restarts":       func(s *Saved) { s.Restarts = -1 },
		"lacks what each has: no program":     func(s *Saved) { s.Programs, s.Procs = nil, nil },
		"process {PID:0: nobody":              func(s *Saved) { s.Procs[1].PID = 0 },
		"process {PID:-1: below":              func(s *Saved) { s.Procs[1].PID = -1 },
		"process {PID:5: twice":               func(s *Saved) { s.Procs[1].PID = 5 },
		"process {PID:1: unknown parent":      func(s *Saved) { s.Procs[1].Parent = 7 },
		"process {PID:1: its own parent":      func(s *Saved) { s.Procs[1].Parent = 1 },
		"process {PID:1: program below":       func(s *Saved) { s.Procs[1].Program = -1 },
		"process {PID:1: program above":       func(s *Saved) { s.Procs[1].Program = 2 },
		"main pid 7 is none of its processes": func(s *Saved) { s.Main = 7 },
		"main pid 0 is none of its processes": func(s *Saved) { s.Main = 0 },
	} {
		s := good()
		spoil(&s)
		text, _, _ := strings.Cut(name, ": ")
		m, err := Restore(Spec{}, s)
		if m != nil || !errors.Is(err, ErrSaved) || !strings.HasPrefix(err.Error(), "no state of a service: ") || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var s State
	err = s.UnmarshalText([]byte("happy"))
	if !errors.Is(err, ErrSaved) || !strings.Contains(err.Error(), `no such state: "happy"`) {
		t.Error(err)
	}
}

// What was written down is written down again as it was: the dead, too, that
// live ones go back to.
func TestSavedAgain(t *testing.T) {
	s := Saved{
		State: Running, Since: time.Unix(1, 0), Run: 2, Main: 5, Named: 5, Starter: 5, Spawning: true, Followed: true, Daemon: true,
		Wound: LastExit{2, Exit{Known: true, Signal: 9}, time.Unix(2, 0)}, Leaving: 7, SettleBy: time.Unix(3, 0), Nobody: &LastExit{4, Exit{Known: true}, time.Unix(4, 0)},
		Respawn: time.Unix(5, 0), Hard: true, Asked: true, Again: true, Failed: true, Status: 3, Text: "t", Restarts: 1,
		LastExit: LastExit{6, Exit{Known: true, Code: 1}, time.Unix(6, 0)}, Message: "m",
		Deadlines: map[string]time.Time{"settle": time.Unix(7, 0), "respawn": time.Unix(8, 0), "ask": time.Unix(8, 1), "kill": time.Unix(9, 0)},
		Programs:  []Program{{File: "/a"}, {File: "/b", Args: "b"}, {}, {}, {File: "/c"}, {File: "/c"}}, // equal is not the same where not all is known
		Procs: []SavedProc{
			{PID: 5, Program: 1, Born: time.Unix(10, 0), Seq: 4, Founder: 3, Founding: true, Execed: true, Termed: true},
			{PID: 8, Program: 2, Born: time.Unix(12, 0), Seq: 7, Founder: 7, Founding: true, Unsure: true},
			{PID: 7, Parent: 5, Program: 0, Born: time.Unix(11, 0), Seq: 9, Founder: 8},
			{PID: 9, Parent: 7, Program: 3, Born: time.Unix(13, 0), Seq: 6, Founder: 6},
			{PID: 10, Parent: 9, Program: 4, Born: time.Unix(14, 0), Seq: 2, Founder: 6},
			{PID: 11, Parent: 10, Program: 5, Born: time.Unix(15, 0), Seq: 1, Founder: 6},
		},
	}
	m, err := Restore(Spec{}, s)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Save(); !reflect.DeepEqual(got, s) {
		t.Errorf("got %+v\nwant %+v", got, s)
	}
	m.Step(time.Unix(12, 0), Forked{7, 6})
	if procs := m.Save().Procs; !slices.ContainsFunc(procs, func(q SavedProc) bool { return q.PID == 6 && q.Seq == 10 }) {
		t.Errorf("a process born later comes later: %+v", procs)
	}
}

// The rules of a restored machine may be others: a delay that is none now is
// none, whatever was waited for before.
func TestNoDelayAfterRestore(t *testing.T) {
	m, err := Restore(Spec{Name: "x"}, Saved{
		State: Running, Run: 1, Main: 5, Respawn: time.Unix(100, 0), Programs: []Program{{}},
		Procs: []SavedProc{{PID: 5, Seq: 1, Founder: 1, Founding: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	m.Step(time.Unix(0, 0), Exited{PID: 5, Exit: Exit{Known: true, Signal: 9}})
	if got := m.Step(time.Unix(0, 0), Resume{}); !slices.Contains(got, Effect(Spawn{2})) {
		t.Errorf("no start at once: %+v", got)
	}
}

// A process that was found after that, and has died again, is not to be ended.
func TestGoneBeforeResume(t *testing.T) {
	m, err := Restore(Spec{Name: "x"}, Saved{
		State: Stopping, Run: 1, Programs: []Program{{}}, Procs: []SavedProc{{PID: 5, Seq: 1, Founder: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all []Effect
	for _, ev := range []Event{Forked{5, 6}, Forked{0, 7}, Exited{PID: 5}, Exited{PID: 7}, Exited{PID: 6}, Resume{}} {
		all = append(all, m.Step(time.Unix(0, 0), ev)...)
	}
	if !slices.Contains(all, Effect(Done{})) || slices.ContainsFunc(all, isKill) {
		t.Errorf("%+v", all)
	}
}

func isKill(e Effect) bool {
	_, kill := e.(Kill)
	return kill
}

// Nor is it where another process is left.
func TestSomeGoneBeforeResume(t *testing.T) {
	m, err := Restore(Spec{Name: "x"}, Saved{
		State: Stopping, Run: 1, Programs: []Program{{}}, Procs: []SavedProc{{PID: 5, Seq: 1, Founder: 1}, {PID: 6, Parent: 5, Seq: 2, Founder: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var kills []Effect
	for _, ev := range []Event{Forked{0, 8}, Exited{PID: 5}, Exited{PID: 6}, Resume{}} {
		kills = append(kills, slices.DeleteFunc(slices.Clone(m.Step(time.Unix(0, 0), ev)), func(e Effect) bool { return !isKill(e) })...)
	}
	if !slices.Equal(kills, []Effect{Kill{PID: 8}}) {
		t.Errorf("%+v", kills)
	}
}

// The pid of the only process that was written down is that of another one of
// the service by now: it is not over, and nothing is started beside that one.
func TestPidGivenAwayBeforeRestore(t *testing.T) {
	for _, was := range []Saved{{State: Running, Main: 5}, {State: Stopping}, {State: Stopping, Again: true}, {State: Backoff}} {
		was.Run, was.Programs, was.Procs = 1, []Program{{}}, []SavedProc{{PID: 5, Seq: 1, Founder: 1, Founding: true}}
		m, err := Restore(Spec{Name: "x"}, was)
		if err != nil {
			t.Fatal(err)
		}
		var all []Effect
		for _, ev := range []Event{Exited{PID: 5, Next: &Forked{0, 5}}, Resume{}} {
			all = append(all, m.Step(time.Unix(0, 0), ev)...)
		}
		if !slices.Contains(all, Effect(Kill{PID: 5})) {
			t.Errorf("%v: it is not ended: %+v", was.State, all)
		}
		for _, e := range all {
			switch e.(type) {
			case Spawn, Done:
				t.Errorf("%v: %+v", was.State, e)
			}
		}
	}
}

// A supervisor may be killed between writing that all are to be killed and
// doing it: the next one kills them.
func TestKilledAgainAfterRestore(t *testing.T) {
	for _, state := range []State{Stopping, Backoff} {
		m, err := Restore(Spec{Name: "x"}, Saved{
			State: state, Run: 1, Hard: true, Asked: true, Programs: []Program{{}}, Respawn: time.Unix(9, 0),
			Procs: []SavedProc{{PID: 5, Seq: 1, Founder: 1, Termed: true}, {PID: 6, Parent: 5, Seq: 2, Founder: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		got := m.Step(time.Unix(0, 0), Resume{})
		for _, pid := range []int{5, 6} {
			if !slices.Contains(got, Effect(Kill{PID: pid, Hard: true})) {
				t.Errorf("%v: pid %d is not killed: %+v", state, pid, got)
			}
		}
	}
}
