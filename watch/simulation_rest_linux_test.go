package watch

import (
	"slices"

	"respawner/watch/service"
)

// What must be when all is at rest.

// atRest looks whether all is well.
func (l *life) atRest() {
	count := 0
	for _, s := range l.subjects {
		if !s.seen.over {
			count += s.atRest()
		}
	}
	h := l.heart
	if h.count() != count {
		l.violated("%d processes are known to the supervisor; there are %v", h.count(), l.m.living(nil))
	}
	if h.step() > h.firstStep() && len(l.m.living(nil))+1 < l.m.knobs.setSize {
		l.violated("births are known by %v, and not by %v again", h.step(), h.firstStep())
	}
	l.nothingLeft(count)
}

// atRest looks whether all is well with a service, and returns how many processes
// it has.
func (s *subject) atRest() int {
	l, m, h := s.l, s.l.m, s.l.heart
	g := h.gist(s.i)
	if main := m.tasks[g.Main]; g.State != service.Running || main == nil || main.of != s || main.dead {
		l.violated("at rest, %v is %v with main %d (%v); it knows %+v; there are %v", s, g.State, g.Main, main, h.procs(s.i), m.living(s))
	}
	living := s.followed()
	for _, t := range living {
		if pidfd, unit, is := h.known(t.pid); !is || unit != s.i || pidfd < 0 || m.process(pidfd) != t {
			l.violated("%v is not followed", t)
		}
		if file := h.program(s.i, t.pid); file != t.program.File && m.knobs.loss == 0 && h.step() < TrackScan && !t.blurred && !t.secret {
			l.violated("%v is thought to run %q", t, file)
		}
	}
	if known := len(h.procs(s.i)); known != len(living) {
		l.violated("%d processes are known to %v; there are %v", known, s, living)
	}
	return len(living)
}

// followed are the processes of a service that must be followed. A birth of which the
// kernel has lost all trace is noticed only when a process has died; so is, by a
// scan, an orphan that did not come to us, and what is below a process of which
// /proc tells nothing; and on the last step all of them.
func (s *subject) followed() []*task {
	h, k := s.l.heart, &s.l.m.knobs
	living := s.l.m.living(s)
	if k.loss > 0 || h.isOpen(s.i) || k.secrets && h.step() > TrackKernelSet {
		living = slices.DeleteFunc(living, func(t *task) bool {
			_, _, known := h.known(t.pid)
			return !known
		})
	}
	return living
}

// nothingLeft looks whether something is half done, or kept of the dead.
func (l *life) nothingLeft(living int) {
	m := l.m
	for _, t := range m.self.children {
		if t.dead {
			l.violated("a zombie is left: %v", t)
		}
	}
	if text := l.heart.halfDone(); text != "" {
		l.violated("at rest, with something half done: %s", text)
	}
	pidfds := 0
	for _, f := range m.files {
		if _, is := f.(*pidfd); is {
			pidfds++
		}
	}
	pidfds -= l.heart.strangers()
	if pidfds != living {
		l.violated("%d pidfds for %d processes", pidfds, living)
	}
	if m.queue == nil || m.queue.set == nil || m.knobs.loss > 0 {
		return
	}
	vain := 0 // those the spawner reaps; they go when the set is full
	for _, s := range l.subjects {
		vain += s.vain
	}
	if dead := len(m.queue.set.births) - 1 - living - l.heart.strangers(); dead > vain {
		l.violated("the kernel's set keeps %d of the dead: %v; there are %v", dead, m.queue.set.births, m.living(nil))
	}
}
