package service

import (
	"testing"
	"time"
)

// A stop that comes before it is known what an earlier supervisor has left is not lost by what is found
// then, though that would have led to a start.
func TestStopBeforeResume(t *testing.T) {
	spec, now := Spec{Name: "x", RespawnDelay: time.Hour}, time.Unix(0, 0)
	m := New(spec)
	for _, ev := range []Event{
		Start{}, Spawned{Run: 1, PID: 100}, Forked{100, 101}, Exited{PID: 100, Exit: Exit{Known: true, Signal: 9}},
	} {
		m.Step(now, ev)
	}
	for name, events := range map[string][]Event{
		"a death":       {Stop{}, Exited{PID: 101}},
		"a reset":       {Exited{PID: 101}, Reset{}, Stop{}},
		"another start": {Start{}, Exited{PID: 101}, Stop{}},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Restore(spec, m.Save())
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range append(events, Resume{}) {
				for _, e := range m.Step(now, ev) {
					if _, is := e.(Spawn); is {
						t.Errorf("%T has led to a start", ev)
					}
				}
			}
			if m.State() != Stopped {
				t.Errorf("it is %v", m.State())
			}
		})
	}
}
