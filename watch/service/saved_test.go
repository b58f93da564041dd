package service

import (
	"slices"
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
		was.Run, was.Programs, was.Procs = 1, []Program{{}}, []SavedProc{proc}
		m, err := Restore(Spec{Name: "x"}, was)
		if err != nil {
			t.Fatal(err)
		}
		var starts []Effect
		for _, ev := range []Event{Exited{PID: 5}, Resume{}} {
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
	for _, ev := range []Event{Start{}, Spawned{Run: 1, PID: 1}, Forked{1, 2}, Forked{2, 3}, Forked{0, 4}, Forked{4, 5}} {
		m.Step(now, ev)
	}
	var pids []int
	for _, q := range m.Save().Procs {
		pids = append(pids, q.PID)
	}
	if want := []int{1, 4, 2, 5, 3}; !slices.Equal(pids, want) {
		t.Errorf("saved %v, want %v", pids, want)
	}
}
