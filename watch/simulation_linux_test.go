package watch

import (
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// The whole supervisor above a model of the kernel. A life begins with a time
// of chaos: its program is of any shape, processes come and go, events are
// late and lost, calls fail, clients ask for this and that, the supervisor is
// killed and upgraded. Then nothing goes wrong any more, and all must be well
// in the end. What must never be is looked for at each step.

var (
	seedFlag = flag.Uint64("seed", 0, "replay this seed of the simulation, and tell what happens")
	stepFlag = flag.String("step", "", "replay it on this step of the ladder")
	soakFlag = flag.Duration("soak", 0, "go on with the simulation for so long, with new seeds")
)

// steps is how many steps of the world a test run sees at least.
const steps = 1_000_000

func TestSimulation(t *testing.T) {
	if *seedFlag != 0 {
		replay(t, *seedFlag)
		return
	}
	for _, seed := range keptSeeds(t) {
		live(t, seed)
	}
	first := uint64(1)
	if *soakFlag > 0 {
		first = rand.Uint64() >> 16
	}
	total, lives, end := 0, 0, time.Now().Add(*soakFlag)
	for seed := first; (total < steps || time.Now().Before(end)) && !t.Failed(); seed++ {
		total += live(t, seed)
		lives++
	}
	t.Logf("%d lives, %d steps", lives, total)
}

// TestSimulationOfThePidfileStep lives on the step that looks around only when
// somebody has died: what is found then may be long gone, its pid given away.
func TestSimulationOfThePidfileStep(t *testing.T) {
	for seed := range uint64(300) {
		liveOn(t, seed+1, TrackPidfile)
	}
}

// TestSimulationIsDeterministic makes sure that a seed tells a whole life.
func TestSimulationIsDeterministic(t *testing.T) {
	for seed := range uint64(50) {
		a, b := newLife(seed+1), newLife(seed+1)
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

// live plays a life, and returns how many steps it had.
func live(t *testing.T, seed uint64) int {
	t.Helper()
	return liveOn(t, seed, TrackBest)
}

func liveOn(t *testing.T, seed uint64, step Tracking) int {
	t.Helper()
	l := newLife(seed)
	l.config.Tracking = step
	if why := l.live(); why != "" {
		t.Errorf("seed %d: %s\nreplay it: go test ./watch -run 'TestSimulation$' -seed=%d -step=%v", seed, why, seed, step)
	}
	return l.steps
}

func replay(t *testing.T, seed uint64) {
	l := newLife(seed)
	l.tracing, l.out = true, os.Stdout
	l.config.Tracking, _ = ParseTracking(*stepFlag) // else the best
	if why := l.live(); why != "" {
		t.Errorf("seed %d: %s", seed, why)
	}
}

// life is one run of the simulation.
type life struct {
	m      *model
	s      *Supervisor
	config Config
	steps  int
	chaos  bool
	over   bool
	until  int  // the step at which the chaos ends
	runs   bool // the supervisor does: before that a call that fails is the end of it
	mayDie bool // it may be killed now
	state  []byte

	vain int // starts that have failed
	seen seen
	end  end

	tracing bool
	out     io.Writer
	hash    uint64
}

// violation is what the model panics with when something is that must not be.
type violation struct{ text string }

func (l *life) violated(format string, args ...any) { panic(violation{fmt.Sprintf(format, args...)}) }

func newLife(seed uint64) *life {
	l := &life{chaos: true}
	l.m = newModel(seed, l)
	c := l.m.chance
	l.until = 200 + c.IntN(3000)
	l.m.knobs = knobs{
		pids: 24 + c.IntN(60), queue: 2 + c.IntN(2<<c.IntN(6)), setSize: 12 + c.IntN(80), shared: c.IntN(5) == 0,
		noDial: c.IntN(4) == 0, noBPF: c.IntN(2) == 0, noFilter: c.IntN(3) == 0, exitInfo: c.IntN(2) == 0, hangUp: c.IntN(2) == 0,
		faults: c.IntN(2) * c.IntN(20), loss: c.IntN(2) * c.IntN(10), deaf: c.IntN(2) * c.IntN(20),
	}
	l.config = Config{
		Spec: service.Spec{
			Name: "x", Follow: []service.Follow{service.FollowOn, service.FollowOn, service.FollowOn, service.FollowAuto, service.FollowAuto, service.FollowOff}[c.IntN(6)],
			RespawnDelay: time.Duration(c.IntN(3)) * time.Second, RespawnLimit: c.IntN(2) * c.IntN(6), StopTimeout: time.Duration(1+c.IntN(5)) * time.Second,
		},
		Program: Program{Path: "/daemon", Args: []string{"/daemon"}}, Control: -1, ID: "id", State: l,
		Log: slog.New(slog.NewTextHandler(logOf{l}, nil)), Exec: func(state []byte, _ []int) error { panic(upgraded{state}) },
	}
	return l
}

// logOf is where the supervisor's log goes.
type logOf struct{ l *life }

func (w logOf) Write(b []byte) (int, error) {
	w.l.logged(strings.TrimSpace(string(b[strings.Index(string(b), "level"):])))
	return len(b), nil
}

func (l *life) environ() string { return markID + "=id\x00" + markName + "=x\x00" }

// WriteState is the file of what a later supervisor must know.
func (l *life) WriteState(state []byte) error {
	if l.m.fails() {
		return unix.ENOSPC
	}
	l.state = state
	return nil
}

// live returns what was violated, if anything.
func (l *life) live() (why string) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case violation:
			why = v.text
		default:
			why = fmt.Sprintf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	for !l.over {
		l.supervise()
	}
	return ""
}

// supervise is the life of one supervisor, from its start to its end, whatever
// that is. It goes on with what the one before has left.
func (l *life) supervise() {
	m := l.m
	for m.self == nil {
		if m.self = m.add(m.init); m.self == nil {
			m.happen()
		}
		if m.knobs.shared {
			m.share()
		}
	}
	l.tell(fmt.Sprintf("supervisor %d, resuming: %v, %s", m.self.pid, l.config.Resume != nil, l.state))
	m.files = map[int]any{}
	switch end := l.run().(type) {
	case upgraded:
		l.tell("upgrade")
		m.queue = nil
		l.config.Resume = &Resume{State: end.state, Upgraded: true}
	case killed:
		l.orphan()
	default:
		l.ended()
		l.config.Resume, l.state = nil, nil
		m.exit(m.self, 0)
		m.self, l.over = nil, !l.chaos
	}
}

// upgraded is what the supervisor panics with when it execs another binary.
type upgraded struct{ state []byte }

// run returns nil, killed or upgraded.
func (l *life) run() (end any) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case killed, upgraded:
			end = r
		default:
			panic(r)
		}
	}()
	l.runs, l.mayDie = false, true
	s, err := newSupervisor(l.m, l.config)
	if err != nil {
		l.violated("%v", err)
	}
	l.s = s
	u := s.units[0]
	u.server = &server{s: s, u: u, fd: -1}
	client := &modelClient{}
	l.m.client = client
	fd := l.m.open(client)
	_, err = s.loop.add(rankControl, fd, unix.EPOLLIN, func(uint32) { client.answer(s) })
	l.runs = true
	err = errors.Join(err, s.run())
	l.runs, l.mayDie, u.server = false, false, nil
	if err = errors.Join(err, s.close()); err != nil {
		l.violated("%v", err)
	}
	if delete(l.m.files, fd); len(l.m.files) > 0 {
		l.violated("descriptors are left open: %v", l.m.files)
	}
	return nil
}

// orphan is what becomes of a service whose supervisor was killed: a while later
// there is another one, with whatever clock.
func (l *life) orphan() {
	m := l.m
	l.tell("the supervisor is killed")
	l.mayDie = false
	old := m.self
	m.self, m.queue, m.term, m.chld, m.carrier = nil, nil, false, false, nil
	m.exit(old, 9)
	if m.spawns == nil {
		m.spawns = &modelStarter{m: m}
	}
	if m.spawns.job != nil && m.spawns.job.task == nil {
		m.spawns.job = nil
	}
	for range m.chance.IntN(50) {
		m.happen()
	}
	for m.spawns.job != nil { // its lock can't be had before
		m.happen()
	}
	m.wall = m.wall.Add(time.Duration(m.chance.IntN(7200)-3600) * time.Second)
	then := []Then{ThenRun, ThenRun, ThenGoOn, ThenStop}[m.chance.IntN(4)]
	l.config.Resume = &Resume{State: l.state, Then: then}
	l.orphaned(then)
}

// stepped is called for each step of the world.
func (l *life) stepped() {
	if l.steps++; l.chaos && l.steps > l.until {
		l.chaos, l.mayDie = false, false
		l.tell("calm")
	}
	if l.steps > l.until+100_000 {
		l.violated("it never comes to rest")
	}
}

func (l *life) program() trade { return l.m.program() }

// command has a client ask for something.
func (l *life) command() {
	c := l.m.client
	if c == nil || l.m.self == nil {
		return
	}
	switch n := l.m.chance.IntN(20); {
	case n == 0:
		c.ask = l.stopping
	case n == 1:
		l.m.term = true
	case n < 6:
		c.ask = l.restarting
	case n < 8:
		c.ask = l.resetting
	case n < 10:
		c.ask = func(s *Supervisor) { _ = s.send(s.units[0], unix.SIGHUP, true) }
	case n < 15:
		c.ask = func(s *Supervisor) { s.status(s.units[0]) }
	default:
		c.ask = func(s *Supervisor) {
			if s.isCalm() && s.units[0].outcome == nil {
				s.writeRecord(s.units[0])
				l.m.carrier.await(0)
				_ = s.upgrade(s.units[0]) // a TERM is in its way
			}
		}
	}
}

// stopping, restarting and resetting are what a client asks for.
func (l *life) stopping(s *Supervisor) {
	l.stopAsked()
	s.stop()
}

func (l *life) restarting(s *Supervisor) {
	l.restartAsked()
	s.tell(s.units[0], service.Restart{})
}

func (l *life) resetting(s *Supervisor) {
	l.resetAsked()
	s.tell(s.units[0], service.Reset{})
}

func (c *modelClient) answer(s *Supervisor) {
	ask := c.ask
	c.ask = nil
	ask(s)
}

// trace notes a system call.
func (l *life) trace(call string, args []any) {
	if l.tracing {
		l.tell(fmt.Sprint("  ", call, " ", args))
	}
}

func (l *life) tell(text string) {
	if !l.tracing {
		return
	}
	line := fmt.Sprintf("%d %v %s\n", l.steps, l.m.time, text)
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %s", l.hash, line)
	l.hash = h.Sum64()
	if l.out != nil {
		_, _ = io.WriteString(l.out, line)
	}
}
