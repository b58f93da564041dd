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
	"slices"
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
	rests  int // since the chaos is over
	asked  bool
	stage  stageOfEnd

	spawns   int  // starts so far
	deaths   int  // of processes of the service since the last one
	restarts bool // another start is no surprise
	before   int  // starts before that
	main     int  // who was killed to see whether it comes back

	tracing bool
	out     io.Writer
	hash    uint64
}

// stageOfEnd is how far the quiet end of a life has come.
type stageOfEnd int

const (
	comesToRest stageOfEnd = iota
	comesBack
	stops
)

// violation is what the model panics with when something is that must not be.
type violation struct{ text string }

func (l *life) violated(format string, args ...any) { panic(violation{fmt.Sprintf(format, args...)}) }

func newLife(seed uint64) *life {
	l := &life{chaos: true}
	l.m = newModel(seed, l)
	c := l.m.chance
	l.until = 200 + c.IntN(3000)
	l.m.knobs = knobs{
		pids: 24 + c.IntN(60), queue: 4 + c.IntN(60), setSize: 12 + c.IntN(80),
		noDial: c.IntN(4) == 0, noBPF: c.IntN(2) == 0, noFilter: c.IntN(3) == 0, exitInfo: c.IntN(2) == 0, hangUp: c.IntN(2) == 0,
		faults: c.IntN(2) * c.IntN(20), loss: c.IntN(2) * c.IntN(10), deaf: c.IntN(2) * c.IntN(20),
	}
	l.config = Config{
		Spec: service.Spec{
			Name: "x", Follow: []service.Follow{service.FollowOn, service.FollowOn, service.FollowAuto}[c.IntN(3)],
			RespawnDelay: time.Duration(c.IntN(3)) * time.Second, StopTimeout: time.Duration(1+c.IntN(5)) * time.Second,
		},
		Program: Program{Path: "/daemon", Args: []string{"/daemon"}}, Control: -1, ID: "id", State: l,
		Log: slog.New(slog.NewTextHandler(logOf{l}, nil)), Exec: func(state []byte, _ []int) error { panic(upgraded{state}) },
	}
	return l
}

// logOf is where the supervisor's log goes.
type logOf struct{ l *life }

func (w logOf) Write(b []byte) (int, error) {
	if w.l.tracing {
		w.l.tell("log: " + strings.TrimSpace(string(b[strings.Index(string(b), "level"):])))
	}
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
		if left := m.living(); len(left) > 0 {
			l.violated("it has ended, and left %v", left)
		}
		l.config.Resume, l.state, l.restarts = nil, nil, true
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
	m.self, m.queue, m.term, m.chld = nil, nil, false, false
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
	l.config.Resume, l.restarts = &Resume{State: l.state, Then: then}, true
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

// spawning is called when a program is about to be forked.
func (l *life) spawning() {
	if left := l.m.living(); len(left) > 0 {
		l.violated("a second instance is started beside %v", left)
	}
	if l.spawns > 0 && l.deaths == 0 && !l.restarts {
		l.violated("a restart, though nobody has died")
	}
	l.spawns++
	l.deaths, l.restarts = 0, false
}

func (l *life) spawnFailed() { l.restarts = true }

func (l *life) program() trade { return l.m.program() }

func (l *life) died(*task) { l.deaths++ }

// command has a client ask for something.
func (l *life) command() {
	c := l.m.client
	if c == nil || l.m.self == nil {
		return
	}
	switch n := l.m.chance.IntN(20); {
	case n == 0:
		c.ask = (*Supervisor).stop
	case n == 1:
		l.m.term = true
	case n < 6:
		l.restarts = true
		c.ask = func(s *Supervisor) { s.tell(s.units[0], service.Restart{}) }
	case n < 8:
		c.ask = func(s *Supervisor) { s.tell(s.units[0], service.Reset{}) }
	case n < 10:
		c.ask = func(s *Supervisor) { _ = s.send(s.units[0], unix.SIGHUP, true) }
	case n < 15:
		c.ask = func(s *Supervisor) { s.status(s.units[0]) }
	default:
		c.ask = func(s *Supervisor) {
			if s.isCalm() && s.units[0].outcome == nil {
				s.check(s.upgrade(s.units[0]))
			}
		}
	}
}

func (c *modelClient) answer(s *Supervisor) {
	ask := c.ask
	c.ask = nil
	ask(s)
}

// resting is called when nothing happens any more but by the clock; it tells
// whether it has changed that.
func (l *life) resting(at time.Time, more bool) bool {
	switch {
	case l.chaos:
		return !more
	case more && at.Sub(l.m.now()) <= time.Minute:
		return false
	case more && l.rests < 4: // a probe may find that something was missed
		l.rests++
		return false
	}
	if !l.asked { // a scan finds who is there when something wakes the loop
		l.asked = true
		l.m.client.ask = func(s *Supervisor) { s.status(s.units[0]) }
		return true
	}
	l.rests, l.asked = 0, false
	switch l.stage {
	case comesToRest:
		l.atRest()
		l.main, l.deaths = l.s.units[0].machine.Gist().Main, 0
		l.tell(fmt.Sprintf("at rest; main %d is killed", l.main))
		l.before = l.spawns
		l.m.exit(l.m.tasks[l.main], 9)
	case comesBack:
		l.atRest()
		if l.spawns != l.before+1 {
			l.violated("%d starts after main was killed", l.spawns-l.before)
		}
		l.tell("at rest; stop")
		l.m.client.ask = (*Supervisor).stop
	case stops:
		l.violated("it does not stop")
	}
	l.stage++
	return true
}

// atRest looks whether all is well.
func (l *life) atRest() {
	s, m := l.s, l.m
	u := s.units[0]
	g := u.machine.Gist()
	if g.State != service.Running || m.tasks[g.Main] == nil || !m.tasks[g.Main].ours || m.tasks[g.Main].dead {
		l.violated("at rest, it is %v with main %d (%v); it knows %+v; there are %v", g.State, g.Main, m.tasks[g.Main], u.machine.Snapshot().Procs, m.living())
	}
	// A birth of which the kernel has lost all trace is noticed only when
	// somebody has died; so is, by a scan, an orphan that did not come to us, and
	// on the last step everybody.
	living := m.living()
	if m.knobs.loss > 0 || s.ladder.step == TrackScan && s.hasForeign(u) || s.ladder.step == TrackPidfile {
		living = slices.DeleteFunc(living, func(t *task) bool { return s.procs[t.pid] == nil })
	}
	for _, t := range living {
		if p := s.procs[t.pid]; p == nil || p.pidfd < 0 || m.process(p.pidfd) != t {
			l.violated("%v is not followed", t)
		}
		if file := u.machine.Program(t.pid).File; file != t.program.File && m.knobs.loss == 0 && s.ladder.step < TrackScan && !t.blurred {
			l.violated("%v is thought to run %q", t, file)
		}
	}
	if known := len(u.machine.Snapshot().Procs); len(s.procs) != len(living) || known != len(living) {
		l.violated("%d processes are known to the machine, %d to the supervisor; there are %v", known, len(s.procs), living)
	}
	for _, t := range m.self.children {
		if t.dead {
			l.violated("a zombie is left: %v", t)
		}
	}
	if n := len(s.ghosts) + len(s.kills) + len(s.early.events) + len(s.early.pids) + len(s.ladder.fresh) + len(s.ladder.late); n > 0 || s.ladder.lost {
		l.violated("at rest, with something half done: %d ghosts, %d kills, %d events, %d fresh, lost: %v",
			len(s.ghosts), len(s.kills), len(s.early.events), len(s.ladder.fresh), s.ladder.lost)
	}
	pidfds := 0
	for _, f := range m.files {
		if _, is := f.(*task); is {
			pidfds++
		}
	}
	if pidfds != len(living) {
		l.violated("%d pidfds for %d processes", pidfds, len(living))
	}
}

// turned is called for each turn of the loop.
func (l *life) turned() { l.m.busy = max(0, l.m.busy-1) }

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
