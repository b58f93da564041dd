package settle

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// FuzzSettle has a string say what happens above a bigger kernel: two bytes are a thing that
// happens, or some steps of the rooms. What can't be is passed over.
func FuzzSettle(f *testing.F) {
	f.Add([]byte{0, 0, 1, 3, 3, 1, 0, 20, 5, 3, 0, 9, 10, 3})
	f.Add([]byte{2, 255, 1, 2, 1, 1, 3, 1, 5, 3, 0, 255, 10, 3, 0, 40, 17, 0, 5, 4})
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 400 {
			return
		}
		if r := play(script, nil); r != nil {
			var b strings.Builder
			play(script, func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) })
			t.Errorf("%v\n%s", r, b.String())
		}
	})
}

var scripts = flag.Int("scripts", 4000, "how many scripts are drawn by lot")

// TestByLot plays scripts as FuzzSettle does, that are drawn by lot, the same each time.
func TestByLot(t *testing.T) {
	lot := rand.New(rand.NewPCG(1, 2))
	script := make([]byte, 160)
	for range *scripts {
		for i := range script {
			script[i] = byte(lot.Uint32())
		}
		if r := play(script, nil); r != nil {
			var b strings.Builder
			play(script, func(format string, args ...any) { fmt.Fprintf(&b, "  "+format+"\n", args...) })
			t.Fatalf("%v\n%s", r, b.String())
		}
	}
}

// play plays a script to its end; it returns what must not be, if that was so.
func play(script []byte, log func(string, ...any)) (wrong any) {
	defer func() {
		if wrong = recover(); wrong != nil {
			if _, is := wrong.(beyond); is {
				wrong = nil
			}
		}
	}()
	if len(script) < 2 {
		return nil
	}
	knobs := script[0]
	s := newSim(ladderStep(knobs%4), 3+int(script[1])%8)
	s.k.hangsUp, s.k.tells = knobs&4 != 0, knobs&8 != 0
	s.lenient = true
	if log != nil {
		s.log = log
	}
	s.t.Starting(1)
	s.t.Starting(2)
	s.log("%v, %d pids, hangs up %v, tells %v", s.k.step, s.k.pids, s.k.hangsUp, s.k.tells)
	for script = script[2:]; len(script) >= 2; script = script[2:] {
		s.heed(verb(script[0])%(verbs+4), int(script[1]))
	}
	s.finish()
	return nil
}

// heed has something happen, if it can.
func (s *sim) heed(do verb, arg int) {
	m := move{do: do, arg: firstPID + arg%s.k.pids}
	p := s.k.procs[m.arg]
	switch {
	case do == isTraced && p != nil && !p.program: // see testdata/open-tracer-holds-a-buried-one.txt
		return
	case do == refusal && s.k.lossy, do == overflow && (s.k.refuse || s.t.Unopened() > 0): // a birth that is read may be another process's
		return
	case do == forksLost: // nothing is promised but that it is found in the end
		return
	case do == unwatch: // a process that has ended then, and is reaped by the time it is opened again, is beyond all means
		return
	case do == goesOn || do >= verbs:
		for range arg % 64 {
			s.goOn()
		}
		return
	case do <= startFail:
		m.arg = 1 + arg%2
	}
	if s.can(m) && (do != hides || s.k.rootOf(p).program && slices.Contains(s.k.heard, s.k.rootOf(p))) { // not one of which only its environment may tell the service
		s.move(m)
	}
}
