package service

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// world drives a machine with arbitrary events that a kernel could tell, and
// checks after each what must always hold.
type world struct {
	t    testing.TB
	m    *Machine
	now  time.Time
	pids map[int]bool // alive
	told map[int]bool // were asked to end
	next int
	run  int // of the spawn under way, 0 for none
}

func newWorld(t testing.TB, follow Follow) *world {
	spec := Spec{Name: "w", Follow: follow, RespawnDelay: time.Second, RespawnLimit: 1, StopTimeout: time.Second}
	return &world{t: t, m: New(spec), now: time.Unix(0, 0), pids: map[int]bool{}, told: map[int]bool{}, next: 100}
}

// newOldWorld is one in which the program has stayed until it is young no more.
func newOldWorld(t testing.TB, follow Follow) *world {
	w := newWorld(t, follow)
	w.step(Start{})
	w.step(w.answer(1))
	w.step(Due{TimerSettle})
	w.now = w.now.Add(MinUptime)
	return w
}

func (w *world) pick(b byte) int {
	alive := slices.Sorted(maps.Keys(w.pids))
	if len(alive) == 0 {
		return 1
	}
	return alive[int(b)%len(alive)]
}

// act turns two bytes into an event.
func (w *world) act(what, which byte) Event {
	pid := w.pick(which)
	switch what % 15 {
	case 0:
		return Start{}
	case 1:
		return w.stop(which)
	case 2:
		return w.answer(which)
	case 3, 4, 5:
		w.next++
		if which%16 == 0 {
			pid = 0
		}
		if len(w.pids) > 0 {
			w.pids[w.next] = true
		}
		return Forked{pid, w.next}
	case 6:
		program := Program{File: []string{"", "1", "2"}[which%3], Args: []string{"", "a", "b"}[which/3%3]}
		return Execed{pid, program}
	case 7, 8:
		delete(w.pids, pid)
		return Exited{PID: pid, Exit: Exit{Known: which%7 != 0, Code: int(which % 2), Signal: int(which/2%2) * 9}, Reaper: w.pick(which + 1)}
	case 9:
		return Named{pid}
	case 10:
		return Restart{}
	case 11:
		return Reset{}
	case 12:
		m, err := Restore(w.m.spec, w.m.Save()) // another supervisor goes on
		if err != nil {
			w.t.Fatal(err)
		}
		w.m, w.run = m, 0
		return Resume{}
	}
	w.now = w.now.Add(time.Duration(which) * 50 * time.Millisecond)
	return Due{Timer(int(which) % int(timers))}
}

func (w *world) answer(which byte) Event {
	run := w.run
	if run == 0 {
		return Spawned{Run: 0, PID: 1}
	}
	w.run = 0
	if which%5 == 0 {
		return SpawnFailed{run, 127, "gone"}
	}
	w.next++
	w.pids[w.next] = true
	return Spawned{run, w.next, Program{File: "1"}}
}

func (w *world) step(ev Event) {
	if f, ok := ev.(Forked); ok && !w.pids[f.Child] {
		return // no process is there to fork
	}
	for _, e := range w.m.Step(w.now, ev) {
		w.check(e)
	}
	s := w.m.Snapshot()
	if len(s.Procs) != len(w.pids) {
		w.t.Fatalf("%T: the forest has %d processes, the world %d", ev, len(s.Procs), len(w.pids))
	}
	if (s.State == Running) != (s.Main != 0) || s.Main != 0 && !w.pids[s.Main] {
		w.t.Fatalf("%T: %v with main %d", ev, s.State, s.Main)
	}
	if due, ok := ev.(Due); ok && due.Timer == TimerAsk && (s.State == Stopping || s.State == Backoff) && !w.m.restoring {
		w.allAsked()
	}
	if s.Restarts > 1 {
		w.t.Fatalf("%d restarts with a limit of 1", s.Restarts)
	}
}

// stop is one with a time or a signal of its own, or without. All may be asked again then, unless they were killed.
func (w *world) stop(which byte) Stop {
	how := Stop{Signal: int(which % 3)}
	if which%5 == 0 {
		d := time.Duration(which) * time.Second
		how.Timeout = &d
	}
	if how.Signal != 0 && !w.m.hard {
		clear(w.told)
	}
	return how
}

// allAsked holds when half of the patience is over.
func (w *world) allAsked() {
	for pid := range w.pids {
		if !w.told[pid] {
			w.t.Fatalf("pid %d was not asked to end", pid)
		}
	}
}

func (w *world) check(e Effect) {
	switch e := e.(type) {
	case Spawn:
		if len(w.pids) > 0 || w.run != 0 {
			w.t.Fatalf("a second instance: %d processes, spawning run %d", len(w.pids), w.run)
		}
		w.run = e.Run
	case Kill:
		if !w.pids[e.PID] {
			w.t.Fatalf("kills pid %d, which is not in the forest", e.PID)
		}
		if !e.Hard && w.told[e.PID] {
			w.t.Fatalf("asks pid %d twice", e.PID)
		}
		w.told[e.PID] = true
	case Done:
		if len(w.pids) > 0 || w.run != 0 {
			w.t.Fatal("done, and a process is left")
		}
	}
}

// settle lets a stopped world come to rest: what is asked to end ends.
func (w *world) settle() {
	w.step(Stop{})
	for range 3 * (len(w.pids) + 2) {
		switch {
		case w.run != 0:
			w.step(w.answer(1))
		case len(w.pids) > 0:
			pid := w.pick(0)
			delete(w.pids, pid)
			w.step(Exited{PID: pid, Exit: Exit{Known: true, Signal: 15}})
		}
	}
	if s := w.m.Snapshot().State; s != Stopped && s != Failed {
		w.t.Fatalf("does not come to rest: %v", s)
	}
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 0, 2, 1, 3, 1, 7, 0, 11, 5, 1, 0}, byte(1))
	f.Add([]byte{0, 0, 2, 1, 3, 1, 3, 1, 8, 2, 10, 9, 12, 0, 8, 3}, byte(0))
	f.Add([]byte{0, 0, 1, 0, 2, 1, 7, 0}, byte(2))
	f.Fuzz(func(t *testing.T, script []byte, follow byte) {
		w := newWorld(t, Follow(follow%3))
		for i := 0; i+1 < len(script) && i < 400; i += 2 {
			w.step(w.act(script[i], script[i+1]))
		}
		w.settle()
	})
}

// TestRandomLives is the fuzz target on a fixed supply of random scripts.
func TestRandomLives(t *testing.T) {
	seed := uint64(1)
	random := func() byte {
		seed = seed*6364136223846793005 + 1442695040888963407
		return byte(seed >> 56)
	}
	for i := range 2000 {
		w := []func(testing.TB, Follow) *world{newWorld, newOldWorld}[i%2](t, Follow(i%3))
		for range 100 {
			w.step(w.act(random(), random()))
		}
		w.settle()
	}
}

// TestSuccessIsNoCrash has helpers of main do and end as they like, but none of
// them broke. When main exits with success after that, it has not crashed.
func TestSuccessIsNoCrash(t *testing.T) {
	seed := uint64(3)
	random := func(n int) int {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int(seed>>33) % n
	}
	for i := range 3000 {
		w := newWorld(t, Follow(i%3))
		w.step(Start{})
		w.step(w.answer(1))
		main := w.pick(0)
		w.now = w.now.Add(time.Duration(random(20)) * time.Second)
		w.step(Due{TimerSettle})
		for range random(30) {
			pid := w.pick(byte(random(256)))
			switch {
			case random(2) == 0:
				w.step(w.act(3, byte(1+random(15)))) // a fork
			case pid == main:
			case random(2) == 0:
				w.step(w.act(6, byte(random(256)))) // an exec
			default:
				delete(w.pids, pid)
				w.step(Exited{PID: pid, Exit: Exit{Known: true, Code: random(3), Signal: random(2) * 15}})
			}
		}
		delete(w.pids, main)
		w.step(Exited{PID: main, Exit: Exit{Known: true}})
		if s := w.m.Snapshot(); s.State == Backoff || s.Restarts > 0 {
			t.Fatalf("life %d: main has ended with success, and it is %v", i, s.State)
		}
	}
}

// TestDiagram compares docs/STATES.md with the moves that are seen when random
// lives are played.
func TestDiagram(t *testing.T) {
	const file = "../../docs/STATES.md"
	got := diagram(t)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("docs/STATES.md is out of date: go test ./watch/service -update (%v)", err)
	}
}

func diagram(t *testing.T) string {
	moves := map[[2]State]map[string]bool{}
	seed := uint64(7)
	for i := range 6000 {
		w := []func(testing.TB, Follow) *world{newWorld, newOldWorld}[i%2](t, Follow(i%3))
		for range 100 {
			seed = seed*6364136223846793005 + 1442695040888963407
			ev := w.act(byte(seed>>56), byte(seed>>48))
			from := w.m.state
			w.step(ev)
			if to := w.m.state; to != from {
				move := [2]State{from, to}
				if moves[move] == nil {
					moves[move] = map[string]bool{}
				}
				moves[move][label(ev)] = true
			}
		}
	}
	return draw(moves)
}

func label(ev Event) string {
	if due, ok := ev.(Due); ok {
		return fmt.Sprintf("Due %v", due.Timer)
	}
	return ev.kind().String()
}

func draw(moves map[[2]State]map[string]bool) string {
	var b strings.Builder
	b.WriteString("# The states of a service\n\nGenerated by `go test ./watch/service -run TestDiagram -update`: " +
		"the moves of the machine,\nwith the events that lead to them.\n\n```mermaid\nstateDiagram-v2\n    [*] --> stopped\n")
	for from := range states {
		for to := range states {
			if events := moves[[2]State{from, to}]; events != nil {
				fmt.Fprintf(&b, "    %v --> %v: %s\n", from, to, strings.Join(slices.Sorted(maps.Keys(events)), ", "))
			}
		}
	}
	b.WriteString("```\n")
	return b.String()
}

func (k kind) String() string {
	return [...]string{"Start", "Stop", "Spawned", "SpawnFailed", "Forked", "Execed", "Exited", "Released", "Named", "OOMKilled", "Restart", "Reset", "Resume", "Due"}[k]
}
