package settle

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	depth  = flag.Int("depth", 0, "how many things happen in each order that is tried (0: as many as are quick)")
	within = flag.Duration("within", 1200*time.Millisecond, "how long each step of the ladder may take; the depth that is begun then is not ended")
)

// TestEveryOrder tries every order of up to N things that three processes, of two services and of
// none, can do or meet, at every point between any two steps of the rooms. After each it must be
// true what was told, and whenever there is rest, all must be known.
func TestEveryOrder(t *testing.T) {
	for step := range ladderSteps {
		for _, from := range beginnings {
			t.Run(step.String()+"/"+from.name, func(t *testing.T) { explore(t, step, from.moves) })
		}
	}
}

// beginnings are from where the orders begin.
var beginnings = []struct {
	name  string
	moves []move
}{
	{"none runs", nil},
	{"one runs", []move{{starts, 1}, {startDone, 1}, rest}},
	{"one runs with a child", []move{{starts, 1}, {startDone, 1}, {forks, 3}, rest}},
}

// rest is not a move: the rooms go on until there is nothing to be done.
var rest = move{verbs, 0}

// explorer goes through the states, those that need the fewest things to happen first.
type explorer struct {
	t       *testing.T
	step    ladderStep
	from    []move
	seen    map[uint64]bool
	digest  digest
	copier  copier
	n       int // things have happened
	limit   int // and may happen
	states  int // from which all was tried
	rests   int // of these, how many were at rest
	ended   time.Time
	stopped bool
}

func explore(t *testing.T, step ladderStep, from []move) {
	x := &explorer{t: t, step: step, from: from, seen: map[uint64]bool{}}
	limit := *depth
	if limit == 0 {
		limit, x.ended = 99, time.Now().Add(*within/time.Duration(len(beginnings)))
	}
	level := [][]move{nil}
	x.limit = limit
	for n := 0; n <= limit && len(level) > 0; n++ {
		x.n = n
		if level = x.expand(level); x.stopped || t.Failed() {
			t.Logf("settle: %v: N=%d is not ended, states=%d", step, n, x.states)
			break
		}
		t.Logf("settle: %v: N=%d, states=%d, at rest %d", step, n, x.states, x.rests)
	}
}

// expand returns the ways to the states that are one more thing away.
func (x *explorer) expand(level [][]move) (next [][]move) {
	for _, way := range level {
		if x.t.Failed() || x.stopped {
			return nil
		}
		next = append(next, x.walk(way)...)
	}
	return next
}

// walk has the rooms go on from a state until there is rest, and returns the ways to what may
// happen at each point between.
func (x *explorer) walk(way []move) (next [][]move) {
	s := x.replay(way)
	for s != nil {
		if s.isOpen() && x.stopped {
			return nil
		}
		if s.isOpen() {
			x.states++
			next = append(next, x.branch(s, way)...)
		}
		if !s.can(move{goesOn, 0}) {
			x.rests++
			x.try(append(slices.Clip(way), rest), s.finish)
			return next
		}
		if !x.try(way, func() { s.move(move{goesOn, 0}) }) {
			return next
		}
		way = append(slices.Clip(way), move{goesOn, 0})
		if s.isOpen() && !x.isNew(s) {
			return next
		}
	}
	return nil
}

// isNew reports whether a state is seen for the first time.
func (x *explorer) isNew(s *sim) bool {
	h := x.digest.of(s)
	if x.seen[h] {
		return false
	}
	x.seen[h] = true
	x.stopped = x.stopped || !x.ended.IsZero() && len(x.seen)%64 == 0 && x.n > 1 && time.Now().After(x.ended)
	return true
}

// branch returns the ways to the new states that are one more thing away.
func (x *explorer) branch(s *sim, way []move) (next [][]move) {
	for _, m := range choices {
		if x.n == x.limit || !s.can(m) {
			continue
		}
		other := x.copier.of(s)
		on := append(slices.Clip(way), m)
		if x.try(on, func() { other.move(m) }) && x.isNew(other) {
			next = append(next, on)
		}
	}
	return next
}

// try does something that must not go wrong; it reports whether it has not.
func (x *explorer) try(way []move, do func()) (well bool) {
	defer func() {
		r := recover()
		if _, is := r.(beyond); is {
			well = false
		} else if r != nil {
			x.t.Errorf("%v\n%s", r, tell(x.step, slices.Concat(x.from, way)))
		}
	}()
	do()
	return true
}

func (x *explorer) replay(way []move) *sim {
	s := begin(x.step, x.from)
	if !x.try(way, func() { s.play(way) }) {
		return nil
	}
	return s
}

// choices are all that can happen.
var choices = func() (all []move) {
	for u := 1; u <= 2; u++ {
		for _, v := range []verb{starts, starting, startDone, startFail} {
			all = append(all, move{v, u})
		}
	}
	for pid := firstPID; pid < firstPID+3; pid++ {
		for _, v := range []verb{forks, forksLate, siblings, isTold, execs, exits, isReaped} {
			all = append(all, move{v, pid})
		}
	}
	return append(all, move{stranger, 0}, move{overflow, 0}, move{refusal, 0}, move{denial, 0}, move{timeout, 0})
}()

// begin makes two services, each with a start under way.
func begin(step ladderStep, from []move) *sim {
	s := newSim(step, 3)
	s.t.Starting(1)
	s.t.Starting(2)
	s.play(from)
	return s
}

func (s *sim) play(way []move) {
	for _, m := range way {
		if m == rest {
			s.settleDown()
		} else {
			s.move(m)
		}
	}
}

// tell plays a way again, and says what has happened.
func tell(step ladderStep, way []move) string {
	var b strings.Builder
	s := begin(step, nil)
	s.log = func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) }
	defer func() { _ = recover() }()
	func() {
		defer func() {
			if r := recover(); r != nil {
				fmt.Fprintf(&b, "  %v\n", r)
			}
		}()
		s.play(way)
		if len(way) > 0 && way[len(way)-1] == rest {
			s.finish()
		}
	}()
	return b.String()
}
