package watch

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"respawner/watch/service"
)

// life is one run of the simulation.
type life struct {
	m        *model
	heart    *heart
	config   HostConfig
	subjects []*subject
	steps    int
	by       [TrackPidfile + 1]int // steps, by the step of the ladder that the supervisor stands on
	chaos    bool
	over     bool
	until    int  // the step at which the chaos ends
	runs     bool // the supervisor does: before that a call that fails is the end of it
	mayDie   bool // it may be killed now

	corpses map[corpse]int // for how many turns they are kept
	end     end

	tracing bool
	out     io.Writer
	hash    uint64
}

// violation is what the model panics with when something is that must not be.
type violation struct{ text string }

func (l *life) violated(format string, args ...any) { panic(violation{fmt.Sprintf(format, args...)}) }

// newLife has as many services as a seed says, but not more than are allowed.
func newLife(seed uint64, services int, secrets bool) *life {
	l := &life{chaos: true}
	l.m = newModel(seed, l)
	c := l.m.chance
	l.until = 200 + c.IntN(3000)
	n := min(services, []int{1, 1, 2, 2, 2, 3, 3, 4, 5}[c.IntN(9)])
	l.m.knobs = knobs{
		pids: 24 + c.IntN(60) + 12*(n-1), queue: 2 + c.IntN(2<<c.IntN(6)), setSize: 12*n + c.IntN(80), shared: c.IntN(5) == 0,
		exitInfo: c.IntN(2) == 0, hangUp: c.IntN(2) == 0, slow: c.IntN(2) == 0,
		faults: c.IntN(2) * c.IntN(20), loss: c.IntN(2) * c.IntN(10), deaf: c.IntN(2) * c.IntN(20),
	}
	if secrets && c.IntN(2) == 0 {
		l.m.knobs.secrets, l.m.knobs.hidepid, l.m.knobs.shared = true, c.IntN(3), false
	}
	l.config = HostConfig{Log: slog.New(logOf{l}), Tracking: l.drawStep(c), Exec: l.exec}
	for i := range n {
		l.subjects = append(l.subjects, l.newSubject(i, c))
	}
	return l
}

// drawStep chooses the best step of the ladder that there is, each as often. The last
// one is never taken if it is not asked for.
func (l *life) drawStep(c *rand.Rand) Tracking {
	k, best := &l.m.knobs, TrackKernelSet+Tracking(c.IntN(5))
	k.noBPF = best > TrackKernelSet
	k.noFilter = best > TrackSocketFilter || c.IntN(3) == 0 && best == TrackKernelSet
	k.noDial = best > TrackEvents
	if best == TrackPidfile {
		return best
	}
	return TrackBest
}

// logOf is the handler of the supervisor's log.
type logOf struct{ l *life }

func (h logOf) Enabled(_ context.Context, level slog.Level) bool {
	return h.l.tracing || level >= slog.LevelError
}

func (h logOf) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += fmt.Sprintf(" %v", a)
		return true
	})
	h.l.logged(r.Level, line)
	return nil
}

func (h logOf) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h logOf) WithGroup(string) slog.Handler { return h }

// live returns what was violated, if anything.
func (l *life) live() (why string) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case violation:
			if l.out != nil && l.heart != nil {
				l.tell(l.heart.s.table.String())
			}
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
	clear(m.files)
	for _, s := range l.subjects {
		if l.tracing {
			l.tell(fmt.Sprintf("supervisor %d, %v resuming: %v, %s", m.self.pid, s, s.config.Resume != nil, s.state))
		}
	}
	switch end := l.run().(type) {
	case upgraded:
		l.tell("upgrade")
		m.queue = nil
		for range m.chance.IntN(20) { // an exec takes its time
			m.happen()
		}
		l.resumeUpgraded(end.state)
	case killed:
		l.orphan()
	default:
		for _, s := range l.subjects {
			s.checkOutcome()
			s.seen.over, s.seen.stopped, s.state = false, false, nil // the next one starts it anew
		}
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
	l.heart, l.runs, l.mayDie = nil, false, true
	client := &modelClient{}
	fd := l.m.open(client)
	var configs []Config
	for _, s := range l.subjects {
		configs = append(configs, s.config)
	}
	h, err := newHeart(l.m, l.config, configs, client, fd)
	l.config.Handover = nil
	if err != nil {
		l.violated("%v", err)
	}
	l.heart, l.m.client, l.corpses, l.runs = h, client, nil, true
	err = h.run()
	l.runs, l.mayDie = false, false
	if err = errors.Join(err, h.close()); err != nil {
		l.violated("%v", err)
	}
	l.m.drop(fd)
	for fd, f := range l.m.files {
		if f != nil {
			l.violated("descriptor %d is left open: %v", fd, f)
		}
	}
	return nil
}

// orphan is what becomes of services when their supervisor was killed: a while later
// there is another one, with whatever clock.
func (l *life) orphan() {
	m := l.m
	l.tell("the supervisor is killed")
	l.heart, l.mayDie = nil, false
	old := m.self
	m.self, m.queue, m.term, m.chld, m.client = nil, nil, false, false, nil
	m.exit(old, 9)
	for _, s := range l.subjects {
		s.forgetSecrets()
	}
	for _, e := range append([]job{}, m.jobs...) {
		if e.outlives() {
			continue
		}
		m.back(e)
		if j, is := e.(*startJob); is {
			j.of.neverStarted(j.since)
		}
	}
	for range m.chance.IntN(50) {
		m.happen()
	}
	for len(m.jobs) > 0 { // its lock can't be had before
		m.happen()
	}
	m.wall = m.wall.Add(time.Duration(m.chance.IntN(7200)-3600) * time.Second)
	for _, s := range l.subjects {
		s.orphaned([]Then{ThenRun, ThenRun, ThenGoOn, ThenStop}[m.chance.IntN(4)])
	}
}

// stepped is called for each step of the world.
func (l *life) stepped() {
	if l.heart != nil {
		l.by[l.heart.step()]++
	} else {
		l.by[TrackBest]++ // there is no supervisor
	}
	if l.steps++; l.chaos && l.steps > l.until {
		l.chaos, l.mayDie = false, false
		l.tell("calm")
	}
	if l.steps > l.until+100_000 {
		l.violated("it never comes to rest")
	}
}

// command has a client ask for something.
func (l *life) command() {
	c := l.m.client
	if c == nil || l.m.self == nil {
		return
	}
	s, n := l.subjects[l.m.chance.IntN(len(l.subjects))], l.m.chance.IntN(20)
	switch {
	case n == 0:
		c.ask = s.stop
	case n == 1:
		l.m.term = true
	case n < 6:
		c.ask = s.restart
	case n < 8:
		c.ask = s.reset
	case n < 10:
		c.ask = s.hangUp
	case n < 15:
		c.ask = s.status
	default:
		c.ask = (*heart).upgrade
	}
	if l.tracing {
		l.tell(fmt.Sprintf("  ~ command %d to %v", n, s))
	}
}

// tell notes what happens.
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

// spec is of one of the services.
func (l *life) spec(i int, c *rand.Rand) service.Spec {
	return service.Spec{
		Name: string(rune('a' + i)), Follow: []service.Follow{service.FollowOn, service.FollowOn, service.FollowOn, service.FollowAuto, service.FollowAuto, service.FollowOff}[c.IntN(6)],
		RespawnDelay: time.Duration(c.IntN(3)) * time.Second, RespawnLimit: c.IntN(2) * c.IntN(6), StopTimeout: time.Duration(1+c.IntN(5)) * time.Second,
	}
}
