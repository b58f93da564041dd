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
	trials []trial        // what is still to be tried
	trial  trial          // what was
	tried  time.Duration  // when
	gists  []service.Gist // of the services before
	starts []int          // before
	alone  bool           // main was all there was
}

// trial is something that is done to a service, or to all where it is nil, and what
// must have come of it when all is at rest again. Where that can be the end,
// ends says which.
type trial struct {
	name string
	of   *subject
	try  func(*subject)
	came func(*subject)
	ends func(*service.Done) bool
}

// slack is by how much things may be late when all is calm: a process that is not our child
// takes a tenth of a second to bury, and one is asked to end after the other.
const slack = time.Second

// patience is how long processes have to end before they are killed.
func (s *subject) patience() time.Duration {
	spec := &s.config.Spec
	if s.l.end.trial.name == "crash" {
		return min(spec.StopTimeout, max(spec.RespawnDelay, service.ClearTime))
	}
	return spec.StopTimeout
}

// plan is what the end of a life is made of: the trials of each service, in any order
// among them, and perhaps an end for all at once.
func (l *life) plan() {
	e, together := &l.end, l.m.one(2)
	var all [][]trial
	for _, s := range l.subjects {
		if !s.seen.over {
			all = append(all, s.plan(together))
		}
	}
	for len(all) > 0 {
		i := l.m.chance.IntN(len(all))
		e.trials = append(e.trials, all[i][0])
		if all[i] = all[i][1:]; len(all[i]) == 0 {
			all = slices.Delete(all, i, i+1)
		}
	}
	if together {
		e.trials = append(e.trials, trial{name: "TERM", ends: isNormal})
	}
}

// plan is what is tried of a service; another end stands for its own.
func (s *subject) plan(together bool) []trial {
	crash := trial{"crash", s, (*subject).crash, (*subject).comesBack, nil}
	trials := []trial{{"reset", s, func(s *subject) { s.l.m.client.ask = s.reset }, (*subject).goesOn, nil}, crash}
	if s.l.m.one(2) {
		trials = append([]trial{{"a death that does not matter", s, (*subject).killOther, (*subject).goesOn, nil}}, trials...)
	}
	stop := trial{"stop", s, func(s *subject) { s.l.m.client.ask = s.stop }, nil, isNormal}
	limit := s.config.Spec.RespawnLimit
	switch s.l.m.chance.IntN(4) {
	case 0:
		trials = append(trials, trial{"normal end", s, (*subject).endMain, (*subject).wasSucceeded, isNormal})
	case 1:
		if limit > 0 {
			for range limit - 1 {
				trials = append(trials, crash)
			}
			return append(trials, trial{"crash", s, (*subject).crash, nil, hasGivenUp})
		}
	}
	if together {
		return trials
	}
	return append(trials, stop)
}

func isNormal(done *service.Done) bool { return done.Status == 0 }

func hasGivenUp(done *service.Done) bool {
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
	if !e.asked { // a scan finds what is there when something wakes the loop
		e.asked = true
		l.m.client.ask = l.subjects[0].status
		return true
	}
	e.rests, e.asked = 0, false
	l.atRest()
	switch s := e.trial.of; {
	case e.trial.name == "":
		l.plan()
	case s == nil || s.seen.over && e.trial.ends == nil:
		l.violated("there are some left after %s", e.trial.name)
	case s.seen.over:
	case e.trial.came == nil:
		l.violated("%v does not end by %s", s, e.trial.name)
	default:
		e.trial.came(s)
	}
	l.othersGoOn()
	l.tryNext()
	return true
}

// tryNext begins the next trial that makes sense.
func (l *life) tryNext() {
	e := &l.end
	for e.trials[0].of != nil && e.trials[0].of.seen.over {
		e.trials = e.trials[1:]
	}
	e.trial, e.trials = e.trials[0], e.trials[1:]
	e.gists, e.starts = nil, nil
	for _, s := range l.subjects {
		e.gists, e.starts = append(e.gists, l.heart.gist(s.i)), append(e.starts, s.seen.starts)
		s.seen.deaths, s.seen.excused, s.seen.hurried, s.seen.hungUp = 0, false, false, false
	}
	if s := e.trial.of; s != nil {
		l.tell("try: " + e.trial.name + " of " + s.String())
		e.alone = len(l.m.living(s)) == 1
		e.trial.try(s)
	} else {
		l.tell("try: TERM")
		l.m.term = true
	}
	e.tried = l.m.time
}

// othersGoOn is for the services to which nothing was done.
func (l *life) othersGoOn() {
	for _, s := range l.subjects {
		if l.end.gists != nil && s != l.end.trial.of && !s.seen.over {
			s.goesOn()
		}
	}
}

// goesOn is for what changes nothing.
func (s *subject) goesOn() {
	e := &s.l.end
	if g := s.l.heart.gist(s.i); g != e.gists[s.i] || s.seen.starts != e.starts[s.i] {
		s.l.violated("%s made %+v of %+v of %v", e.trial.name, g, e.gists[s.i], s)
	}
}

// roots are the processes that stand for the service, or the others.
func (s *subject) roots(vital bool) (ts []*task) {
	for _, p := range s.l.heart.procs(s.i) {
		if t := s.l.m.tasks[p.PID]; t != nil && (p.Role == service.Main || p.Role == service.Root) == vital {
			ts = append(ts, t)
		}
	}
	return ts
}

// crash has one of the roots that stand for the service end badly.
func (s *subject) crash() {
	c := s.l.m.chance
	ts, ways := s.roots(true), []unix.WaitStatus{9, 11, 15, 1 << 8, 3 << 8}
	t := ts[c.IntN(len(ts))]
	s.l.m.exit(t, ways[c.IntN(len(ways))])
}

// comesBack is for a crash.
func (s *subject) comesBack() {
	if n := s.seen.starts - s.l.end.starts[s.i]; n != 1 {
		s.l.violated("%d starts of %v after a crash", n, s)
	}
}

// killOther has a process end badly that is none of the service's roots.
func (s *subject) killOther() {
	if ts := s.roots(false); len(ts) > 0 {
		s.l.m.exit(ts[s.l.m.chance.IntN(len(ts))], 9)
	}
}

// endMain has main end normally, when it is young no more.
func (s *subject) endMain() {
	s.l.m.time += service.MinUptime + time.Second
	s.l.m.exit(s.l.m.tasks[s.l.end.gists[s.i].Main], 0)
}

// wasSucceeded is for a normal end of main that is not the service's: another process
// was there to go on.
func (s *subject) wasSucceeded() {
	if s.seen.starts != s.l.end.starts[s.i] || s.l.end.alone {
		s.l.violated("main of %v has ended normally, and there is another start", s)
	}
}

// checkEnd is for the end of the service: it must have been tried for, and come
// in time.
func (s *subject) checkEnd(done *service.Done) {
	l, e := s.l, &s.l.end
	if e.trial.name == "" {
		return // what was done in chaos leads to it
	}
	if e.trial.ends == nil || !e.trial.ends(done) || e.trial.of != nil && e.trial.of != s {
		l.violated("%v has ended by %s: %+v", s, e.trial.name, *done)
	}
	if took := l.m.time - e.tried; took > s.patience()+slack {
		l.violated("%v has ended %v after %s", s, took, e.trial.name)
	}
}

// checkKill is for a KILL: a process that was asked to end has its time.
func (s *subject) checkKill() {
	l, e := s.l, &s.l.end
	if !l.chaos && e.trial.name != "" && l.m.time < e.tried+s.patience() {
		l.violated("KILL is sent to %v %v after %s", s, l.m.time-e.tried, e.trial.name)
	}
}
