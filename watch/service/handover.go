package service

import (
	"slices"
	"time"
)

// successors are the roots in which a founding root that has left with success
// goes on. While it is young that is whatever it has left: it put itself into the
// background, or was exec'ed anew and did so. Later its end is the service's end,
// unless it is certain that it goes on.
func (m *Machine) successors(d death) []*proc {
	switch {
	case !d.proc.founding || !m.spec.succeeded(d.Exit) || m.spec.Follow == FollowOff:
		return nil
	case m.isYoung(d):
		return m.forest.heirs(d.proc)
	case !d.vital:
		return nil
	}
	return m.renewed(d)
}

// isYoung reports whether a root has left while it was young. One that was said
// to put itself into the background may do so at any age. One of which it is open
// whether it went on with the program does not begin anew.
func (m *Machine) isYoung(d death) bool {
	return d.starter && m.spec.Follow == FollowOn || !d.proc.unsure && d.at.Sub(d.proc.born) < MinUptime
}

// renewed are the roots that a root which is not young any more goes on in: the
// one that the pidfile names, and those that were exec'ed from the same program
// (an upgrade in place); else those that it has forked right before it left, or
// all that the starter has left, if that is one: it may have waited for that to be
// ready.
func (m *Machine) renewed(d death) []*proc {
	left := m.forest.heirs(d.proc)
	one := d.starter && len(left) == 1
	left = slices.DeleteFunc(left, func(h *proc) bool { return !h.program.same(d.proc.program) })
	next := slices.DeleteFunc(slices.Clone(left), func(h *proc) bool { return !h.execed })
	if named := m.namedRoot(); named != nil && !slices.Contains(next, named) {
		next = append(next, named)
	}
	if len(next) > 0 {
		return next
	}
	return slices.DeleteFunc(left, func(h *proc) bool { return !one && d.at.Sub(h.born) >= Parting })
}

// handOver goes on with those that a root has left. A fork that has not exec'ed
// yet may be about to run another program. So it has a moment (Settle) to do so.
func (m *Machine) handOver(now time.Time, d death, next []*proc) {
	m.forest.found(next)
	if m.isYoung(d) {
		m.wentOn(next)
		m.elect()
		return
	}
	m.lastExit = d.last()
	for _, p := range next {
		p.unsure = !p.execed && p != m.namedRoot()
	}
	m.log("%s was taken over by pid %s", m.spec.Name, pids(next))
	m.elect()
	if m.unsure() {
		m.arm(TimerSettle, now.Add(Settle))
	} else {
		m.wentOn(next)
	}
}

// wentOn is reached when it is certain that the program goes on in roots.
func (m *Machine) wentOn(roots []*proc) {
	m.noteFollowed(roots)
	m.daemon = true
}

// unsure reports whether a founding root may turn out to run another program.
func (m *Machine) unsure() bool {
	for p := range m.forest.founders {
		if p.unsure {
			return true
		}
	}
	return false
}

// execedRunning sees an exec while the service is up. Where it was open whether
// the process goes on with the program, this says so.
func execedRunning(m *Machine, now time.Time, ev Event) {
	e := ev.(exec)
	if m.forest.procs[e.PID] != e.proc || !e.proc.unsure {
		return
	}
	if p := e.proc; p.program.Args == "" && p.program.same(e.from) {
		p.was = e.from // the arguments tell, if they come before the wait is over
		return
	}
	e.proc.unsure, e.proc.was = false, nil
	if !e.proc.program.same(e.from) {
		m.forest.disown(e.proc)
		m.elect()
	}
	switch {
	case m.main == nil:
		m.finish(now, m.normal(m.lastExit.Exit))
	case !m.unsure():
		m.disarm(TimerSettle)
		m.wentOn(m.forest.founding())
	}
}

// dueRunning ends the wait: a root that has not exec'ed goes on with the program.
func dueRunning(m *Machine, _ time.Time, ev Event) {
	if ev.(Due).Timer != TimerSettle || !m.unsure() {
		return
	}
	for p := range m.forest.founders {
		p.unsure = false
	}
	m.wentOn(m.forest.founding())
}
