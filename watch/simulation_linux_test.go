package watch

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

// The whole supervisor above a model of the kernel. A life begins with a time
// of chaos: its programs are of any shape, processes come and go, events are
// late and lost, calls fail, clients ask for this and that, the supervisor is
// killed and upgraded. Then nothing goes wrong any more, and all must be well
// in the end. What must never be is looked for at each step.

var (
	seedFlag     = flag.Uint64("seed", 0, "replay this seed of the simulation, and tell what happens")
	soakFlag     = flag.Duration("soak", 0, "go on with the simulation for so long, with new seeds")
	stepsFlag    = flag.Int("soaksteps", 0, "go on with it for so many steps")
	servicesFlag = flag.Int("services", manyServices, "how many services a life has at most")
	secretsFlag  = flag.Bool("secrets", bearsSecrets, "some processes are another user's, and /proc may hide them")
)

// A test run lives so many lives, which have this many steps of the world at least.
const (
	usualLives = 700
	usualSteps = 1_000_000
)

func TestSimulation(t *testing.T) {
	if *seedFlag != 0 {
		replay(t, *seedFlag)
		return
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // a life is short, and small
	kept := keptSeeds(t)
	lives := &lives{t: t, next: func(n int) (seed uint64, more bool) {
		if n < len(kept) {
			return kept[n], true
		}
		return uint64(n - len(kept) + 1), n < len(kept)+usualLives
	}}
	if *soakFlag > 0 || *stepsFlag > 0 {
		lives.next = lives.soak()
	}
	if lives.run(); lives.steps() < usualSteps {
		t.Errorf("only %d steps", lives.steps())
	}
}

// TestSimulationIsDeterministic makes sure that a seed tells a whole life.
func TestSimulationIsDeterministic(t *testing.T) {
	for seed := range uint64(50) {
		a, b := newLife(seed+1, 5, true), newLife(seed+1, 5, true)
		a.tracing, b.tracing = true, true
		a.live()
		b.live()
		if a.hash != b.hash {
			t.Fatalf("seed %d has two lives", seed+1)
		}
	}
}

// keptSeeds are those that have found a defect once.
func keptSeeds(t *testing.T) (seeds []uint64) {
	b, err := os.ReadFile("testdata/seeds.txt")
	check(t, err)
	for line := range strings.Lines(string(b)) {
		var seed uint64
		if n, _ := fmt.Sscan(line, &seed); n == 1 {
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

func replay(t *testing.T, seed uint64) {
	l := newLife(seed, *servicesFlag, *secretsFlag)
	l.tracing, l.out = true, os.Stdout
	if why := l.live(); why != "" {
		t.Errorf("seed %d: %s", seed, why)
	}
}

// lives are many of them, on all processors, and what came of them.
type lives struct {
	t    *testing.T
	next func(n int) (seed uint64, more bool)

	mu    sync.Mutex
	begun int
	lived int
	bad   int
	by    [TrackPidfile + 1]int // steps, by the step of the ladder
	told  time.Time
}

// maxBad is how many lives may go wrong before it is no use to live more.
const maxBad = 50

// soak are seeds that were never lived before, for as long as the flags say.
func (ls *lives) soak() func(int) (uint64, bool) {
	first, end := rand.Uint64()>>16, time.Now().Add(*soakFlag)
	return func(n int) (uint64, bool) {
		return first + uint64(n), time.Now().Before(end) || ls.steps() < *stepsFlag
	}
}

func (ls *lives) run() {
	ls.told = time.Now()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(ls.work)
	}
	workers.Wait()
	ls.tell()
}

// work lives one life after the other.
func (ls *lives) work() {
	for {
		ls.mu.Lock()
		seed, more := ls.next(ls.begun)
		more = more && ls.bad < maxBad
		ls.begun++
		ls.mu.Unlock()
		if !more {
			return
		}
		l := newLife(seed, *servicesFlag, *secretsFlag)
		ls.ended(l, seed, l.live())
	}
}

// ended is called with what was violated in a life, if anything.
func (ls *lives) ended(l *life, seed uint64, why string) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.lived++
	for step, n := range l.by {
		ls.by[step] += n
	}
	if why != "" {
		ls.bad++
		ls.t.Errorf("seed %d: %s\nreplay it: go test ./watch -run 'TestSimulation$' -seed=%d -services=%d -secrets=%v", seed, why, seed, *servicesFlag, *secretsFlag)
	}
	if now := time.Now(); now.Sub(ls.told) >= time.Minute {
		ls.told = now
		ls.tell()
	}
}

func (ls *lives) steps() (n int) {
	for _, of := range ls.by {
		n += of
	}
	return n
}

// tell says how far it has come.
func (ls *lives) tell() {
	text := fmt.Sprintf(", without a supervisor %d", ls.by[TrackBest])
	for step := TrackKernelSet; step <= TrackPidfile; step++ {
		text += fmt.Sprintf(", %v %d", step, ls.by[step])
	}
	ls.t.Logf("%d lives, %d of them bad, %d steps%s", ls.lived, ls.bad, ls.steps(), text)
}
