package watch

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// The quiet end of a life: nothing goes wrong any more but what is tried on
// purpose, one thing after the other, each when all is at rest.

// end is how far that has come.
type end struct {
	rests  int // looks for something that was missed, since the last trial
	asked  bool
	trials []*trial      // what is still to be tried
	trial  *trial        // what was
	tried  time.Duration // when
	gist   service.Gist  // of the service before
	starts int           // before
	alone  bool          // main was all there was
}

// trial is something that is done to the service, and what must have come of it
// when all is at rest again. Where that can be the end, ends says which.
type trial struct {
	name string
	try  func(*life)
	came func(*life)
	ends func(*life, *service.Done) bool
}

// slack is by how much things may be late when all is calm: who is not our child
// takes a tenth of a second to bury, and one is asked to end after the other.
const slack = time.Second

// patience is how long processes have to end before they are killed.
func (l *life) patience() time.Duration {
	spec := &l.config.Spec
	if l.end.trial.name == "crash" {
		return min(spec.StopTimeout, max(spec.RespawnDelay, service.ClearTime))
	}
	return spec.StopTimeout
}

// plan is what the end of a life is made of.
func (l *life) plan() []*trial {
	trials := []*trial{{name: "rest", try: func(*life) {}, came: (*life).goesOn}}
	if l.m.one(2) {
		trials = append(trials, &trial{name: "a death that does not matter", try: (*life).killOther, came: (*life).goesOn})
	}
	crash := &trial{name: "crash", try: (*life).crash, came: (*life).comesBack}
	trials = append(trials, &trial{name: "reset", try: (*life).reset, came: (*life).goesOn}, crash)
	limit := l.config.Spec.RespawnLimit
	switch l.m.chance.IntN(4) {
	case 0:
		return append(trials, &trial{name: "normal end", try: (*life).endMain, came: (*life).wasSucceeded, ends: isNormal}, l.stop())
	case 1:
		if limit > 0 {
			for range limit - 1 {
				trials = append(trials, crash)
			}
			return append(trials, &trial{name: "crash", try: (*life).crash, ends: hasGivenUp})
		}
	}
	return append(trials, l.stop())
}

// stop is a client's stop, or a TERM.
func (l *life) stop() *trial {
	return &trial{name: "stop", ends: isNormal, try: func(l *life) {
		if l.m.one(2) {
			l.m.term = true
		} else {
			l.m.client.ask = l.stopping
		}
	}}
}

func isNormal(_ *life, done *service.Done) bool { return done.Status == 0 }

func hasGivenUp(_ *life, done *service.Done) bool {
	return done.Status == 1 && strings.Contains(done.Text, "gave up")
}

// resting is called when nothing happens any more but by the clock; it tells
// whether it has changed that.
func (l *life) resting(at time.Time, more bool) bool {
	e := &l.end
	switch {
	case l.chaos:
		return !more
	case more && at.Sub(l.m.now()) <= time.Minute:
		return false
	case more && e.rests < 4: // a probe may find that something was missed
		e.rests++
		return false
	}
	if !e.asked { // a scan finds who is there when something wakes the loop
		e.asked = true
		l.m.client.ask = func(s *Supervisor) { s.status(s.units[0]) }
		return true
	}
	e.rests, e.asked = 0, false
	switch {
	case e.trial == nil:
		e.trials = l.plan()
	case e.trial.came == nil:
		l.violated("it does not end by %s", e.trial.name)
	default:
		e.trial.came(l)
	}
	l.try(e.trials[0])
	return true
}

// try begins the next trial.
func (l *life) try(t *trial) {
	e, u := &l.end, l.s.units[0]
	e.trials, e.trial = e.trials[1:], t
	e.gist, e.starts, e.alone = u.machine.Gist(), l.seen.starts, len(l.m.living()) == 1
	l.tell("try: " + t.name)
	l.seen.deaths, l.seen.excused, l.seen.hurried = 0, false, false
	t.try(l)
	e.tried = l.m.time
}

// goesOn is for what changes nothing.
func (l *life) goesOn() {
	l.atRest()
	if g := l.s.units[0].machine.Gist(); l.end.trial.name != "rest" && g != l.end.gist {
		l.violated("%s made %+v of %+v", l.end.trial.name, g, l.end.gist)
	}
}

// reset has restarts counted anew.
func (l *life) reset() { l.m.client.ask = l.resetting }

// roots are the processes whose crash is the service's, or the others.
func (l *life) roots(vital bool) (ts []*task) {
	for _, p := range l.s.units[0].machine.Snapshot().Procs {
		if t := l.m.tasks[p.PID]; t != nil && (p.Role == service.Main || p.Role == service.Root) == vital {
			ts = append(ts, t)
		}
	}
	return ts
}

// crash has one of the roots that stand for the service end badly.
func (l *life) crash() {
	ts, ways := l.roots(true), []unix.WaitStatus{9, 11, 15, 1 << 8, 3 << 8}
	t := ts[l.m.chance.IntN(len(ts))]
	l.m.exit(t, ways[l.m.chance.IntN(len(ways))])
}

// comesBack is for a crash.
func (l *life) comesBack() {
	l.atRest()
	if n := l.seen.starts - l.end.starts; n != 1 {
		l.violated("%d starts after a crash", n)
	}
}

// killOther has somebody end badly who is none of the service's roots.
func (l *life) killOther() {
	if ts := l.roots(false); len(ts) > 0 {
		l.m.exit(ts[l.m.chance.IntN(len(ts))], 9)
	}
}

// endMain has main end normally, when it is young no more.
func (l *life) endMain() {
	l.m.time += service.MinUptime + time.Second
	l.m.exit(l.m.tasks[l.end.gist.Main], 0)
}

// wasSucceeded is for a normal end of main that is not the service's: somebody
// was there to go on.
func (l *life) wasSucceeded() {
	l.atRest()
	if l.seen.starts != l.end.starts || l.end.alone {
		l.violated("main has ended normally, and there is another start")
	}
}

// checkEnd is for the end of the service: it must have been tried for, and come
// in time.
func (l *life) checkEnd(done *service.Done) {
	e := &l.end
	if e.trial == nil {
		return // what was done in chaos leads to it
	}
	if e.trial.ends == nil || !e.trial.ends(l, done) {
		l.violated("it has ended by %s: %+v", e.trial.name, *done)
	}
	if took := l.m.time - e.tried; took > l.patience()+slack {
		l.violated("it has ended %v after %s", took, e.trial.name)
	}
}

// checkKill is for a KILL: who was asked to end has his time.
func (l *life) checkKill() {
	if e := &l.end; !l.chaos && e.trial != nil && l.m.time < e.tried+l.patience() {
		l.violated("KILL is sent %v after %s", l.m.time-e.tried, e.trial.name)
	}
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
	if b := &s.ladder; b.step > b.first && len(living)+1 < m.knobs.setSize {
		l.violated("births are known by %v, and not by %v again", b.step, b.first)
	}
	l.nothingLeft(len(living))
}

// nothingLeft looks whether something is half done, or kept of the dead.
func (l *life) nothingLeft(living int) {
	s, m := l.s, l.m
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
	if pidfds != living {
		l.violated("%d pidfds for %d processes", pidfds, living)
	}
	if set, is := s.ladder.set.(*modelSet); is && m.knobs.loss == 0 {
		if dead := len(set.births) - 1 - living; dead > l.vain { // those the spawner reaps; they go when the set is full
			l.violated("the kernel's set keeps %d of the dead", dead)
		}
	}
}
