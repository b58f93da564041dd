package main

import (
	"testing"
	"time"
)

// worked is a process that was born as the pid says.
func worked(pid, parent int, cpu, kids time.Duration) seen {
	return seen{procInfo{Born: time.Duration(pid), CPU: cpu * time.Second, Kids: kids * time.Second}, parent}
}

func TestSpent(t *testing.T) {
	main := worked(10, 1, 100, 0)
	tests := map[string]struct {
		before, now map[int]seen
		want        time.Duration
	}{
		"nothing": {map[int]seen{10: main}, map[int]seen{10: main}, 0},
		"some":    {map[int]seen{10: main}, map[int]seen{10: worked(10, 1, 103, 0)}, 3},
		"a child is born": {
			map[int]seen{10: main},
			map[int]seen{10: main, 11: worked(11, 10, 2, 0)}, 2},
		"a child has died: its time is its parent's now": {
			map[int]seen{10: main, 11: worked(11, 10, 50, 0)},
			map[int]seen{10: worked(10, 1, 100, 51)}, 1},
		"so has its own child": {
			map[int]seen{10: main, 11: worked(11, 10, 50, 0), 12: worked(12, 11, 7, 0)},
			map[int]seen{10: worked(10, 1, 100, 59)}, 2},
		"a root has died: no process has its time": {
			map[int]seen{10: main, 20: worked(20, 1, 500, 0)},
			map[int]seen{10: worked(10, 1, 101, 0)}, 1},
		"another process has its pid": {
			map[int]seen{10: main, 20: worked(20, 1, 500, 0)},
			map[int]seen{10: main, 20: {procInfo{Born: 99, CPU: time.Second}, 1}}, 1},
		"parents in a circle": {
			map[int]seen{30: worked(30, 31, 1, 0), 31: worked(31, 30, 1, 0)},
			map[int]seen{10: main}, 100},
	}
	for name, tt := range tests {
		if got := spent(tt.before, tt.now); got != tt.want*time.Second {
			t.Errorf("%s: %v, want %v", name, got, tt.want*time.Second)
		}
	}
}

func TestPercent(t *testing.T) {
	var m meter
	at := func(seconds int) time.Time { return renderNow.Add(time.Duration(seconds) * time.Second) }
	for i, tt := range []struct {
		at   int
		cpu  time.Duration
		want float64
	}{{0, 100, 0}, {2, 101, 50}, {4, 105, 200}, {4, 106, 0}, {6, 0, 0}} {
		if got := m.percent(at(tt.at), map[int]seen{10: worked(10, 1, tt.cpu, 0)}); got != tt.want {
			t.Errorf("look %d: %v, want %v", i, got, tt.want)
		}
	}
}
