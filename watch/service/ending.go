package service

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// stop ends the service because a user asked for it.
func stop(m *Machine, now time.Time, ev Event) {
	v := verdict{text: m.spec.Name + " was stopped"}
	if m.state == Starting && m.restarts == 0 {
		v.status, v.text = 1, m.spec.Name+" was stopped before it was up"
	}
	m.leave()
	m.heed(now, ev.(Stop))
	m.finish(now, v)
}

// heed has this stop done as it was asked for: those that were asked to end before have their time, or
// the signal, anew.
func (m *Machine) heed(now time.Time, how Stop) {
	if how.Timeout != nil {
		m.timeout = how.Timeout
		if m.asked && !m.hard {
			m.beginPatience(now)
		}
	}
	if how.Signal == 0 {
		return
	}
	m.signal = how.Signal
	for _, p := range m.forest.all() {
		p.termed = false
	}
	if m.asked && m.deadlines[TimerAsk].IsZero() {
		m.askRest()
	}
}

// restart ends the service because a user wants it started anew.
func restart(m *Machine, now time.Time, _ Event) {
	m.message, m.again = "", true
	m.leave()
	m.finish(now, verdict{text: m.spec.Name + " is being restarted"})
}

// leave keeps which process's end will be that of the service, if any.
func (m *Machine) leave() {
	if m.leaving = m.main; m.state == Starting {
		m.leaving = m.starter
	}
}

// exitedStopping sees a death while the service is being ended.
func exitedStopping(m *Machine, now time.Time, ev Event) {
	if d := ev.(death); d.proc == m.leaving {
		m.lastExit = d.last()
	}
	endRest(m, now, ev)
}

// startAgain has a service that is being ended started anew.
func startAgain(m *Machine, _ time.Time, _ Event) { m.again = true }

// stopForGood takes that back.
func stopForGood(m *Machine, now time.Time, ev Event) {
	if m.again {
		m.again, m.verdict = false, verdict{text: m.spec.Name + " was stopped"}
	}
	how := ev.(Stop)
	m.heed(now, how)
	if how.Signal != 0 {
		endRest(m, now, nil)
	}
}

func reset(m *Machine, _ time.Time, _ Event) { m.restarts, m.message = 0, "" }

// resetBackoff has the next start due at once.
func resetBackoff(m *Machine, now time.Time, _ Event) {
	reset(m, now, nil)
	m.disarm(TimerRespawn)
	dueEnding(m, now, Due{TimerRespawn})
}

// finish ends the service for good.
func (m *Machine) finish(now time.Time, v verdict) {
	m.verdict = v
	what := NoteStopping
	if m.again {
		what = NoteRestarting
	}
	m.do(Note{What: what, Text: v.text})
	m.disarm(TimerRespawn)
	m.end(now, Stopping)
}

// giveUp ends the service as failed.
func (m *Machine) giveUp(now time.Time, v verdict) {
	m.warn("%s", v.text)
	m.message = v.text
	m.finish(now, v)
}

// crash ends what is left of the service, to start it again.
func (m *Machine) crash(now time.Time, text string) {
	if limit := m.spec.RespawnLimit; limit > 0 && m.restarts >= limit {
		m.giveUp(now, verdict{true, 1, fmt.Sprintf("%s; gave up after %s", text, plural(m.restarts, "restart"))})
		return
	}
	m.message = text
	m.do(Note{What: NoteCrashed, Text: text})
	m.do(Note{What: NoteBackoff, Text: fmt.Sprintf("next start in %v", m.spec.RespawnDelay)})
	m.respawn = time.Time{} // due as soon as no process is left
	if m.spec.RespawnDelay > 0 {
		m.respawn = now.Add(m.spec.RespawnDelay)
		m.arm(TimerRespawn, m.respawn)
	}
	m.end(now, Backoff)
}

// end begins to end the forest, unless that is already being done.
func (m *Machine) end(now time.Time, s State) {
	m.enter(now, s)
	m.main = nil
	m.disarm(TimerSettle)
	endRest(m, now, nil)
}

// patience is how long processes have to end when they were asked to. What a
// crash leaves behind must not hold up the restart.
func (m *Machine) patience() time.Duration {
	if m.timeout != nil {
		return *m.timeout
	}
	if m.state == Backoff {
		return min(m.spec.StopTimeout, max(m.spec.RespawnDelay, ClearTime))
	}
	return m.spec.StopTimeout
}

// endRest asks what is left to end, from the top: each root is sent TERM when
// it is one, so that a daemon can end its workers in its own order, and what
// it leaves is asked in turn. When half of the patience is over, the rest is
// asked, and when all of it is, all are killed.
func endRest(m *Machine, now time.Time, ev Event) {
	if m.empty() {
		m.ended(now)
		return
	}
	if m.hard {
		if child := born(ev); child != 0 {
			m.do(Kill{PID: child, Hard: true})
		}
		return
	}
	for _, p := range m.newRoots(ev) {
		m.ask(p)
		if !m.asked {
			m.beginPatience(now)
		}
	}
}

// beginPatience gives those that are asked to end their time from now on.
func (m *Machine) beginPatience(now time.Time) {
	m.asked = true
	m.arm(TimerAsk, now.Add(m.patience()/2))
	m.arm(TimerKill, now.Add(m.patience()))
}

// ask asks a process to end; each is asked once.
func (m *Machine) ask(p *proc) {
	p.termed = true
	m.log("kill(child pid %d)", p.pid)
	m.do(Kill{PID: p.pid, Signal: m.signal})
}

// askRest asks those to end that were not asked yet: the process above them
// may keep TERM for itself.
func (m *Machine) askRest() {
	for _, p := range m.forest.all() {
		if !p.termed && !m.hard {
			m.ask(p)
		}
	}
}

// newRoots returns the roots that were not asked to end yet: at first all; then
// each that was born a root, or has become one by a death.
func (m *Machine) newRoots(ev Event) []*proc {
	var roots []*proc
	switch ev := ev.(type) {
	case Forked:
		roots = []*proc{m.forest.procs[ev.Child]}
	case death:
		roots = append(inOrder(maps.Keys(ev.proc.children)), m.forest.procs[born(ev)])
	default:
		return m.forest.rootsThat(func(p *proc) bool { return !p.termed })
	}
	return slices.DeleteFunc(roots, func(p *proc) bool {
		return p == nil || m.forest.procs[p.pid] != p || p.termed || !p.isRoot() // a restored machine hears late of processes that came and have gone
	})
}

// born returns the pid of the process that an event says was born, 0 for none.
func born(ev Event) int {
	switch ev := ev.(type) {
	case Spawned:
		return ev.PID
	case Forked:
		return ev.Child
	case death:
		if ev.Next != nil {
			return ev.Next.Child
		}
	}
	return 0
}

// endPatience is called when the time of the processes that were asked to end is over.
// If we have slept through that, they may have slept as well (a container that
// was paused): they get their time again, once.
func (m *Machine) endPatience(now time.Time) {
	if m.late < Overslept || m.spared {
		m.killAll(now)
		return
	}
	m.spared = true
	m.log("%s: held up for %v, so they have %v more to end", m.spec.Name, m.late.Round(time.Millisecond), m.patience())
	m.arm(TimerKill, now.Add(m.patience()))
}

// killAll kills all that is left.
func (m *Machine) killAll(now time.Time) {
	all := m.forest.all()
	m.hard = true
	m.arm(TimerStuck, now.Add(StuckTime))
	m.do(Note{What: NoteKilling, Text: pids(all)})
	m.warn("%s: pid %s still there, though asked to end: killing", m.spec.Name, pids(all))
	for _, p := range all {
		m.do(Kill{PID: p.pid, Hard: true})
	}
}

// outlived tells of the processes that are still there though all were killed. There is
// nothing more to be done but to wait.
func (m *Machine) outlived() {
	m.stuck = true
	m.do(Note{What: NoteStuck, Text: pids(m.forest.all())})
}

// empty reports whether no process is left, nor about to be born by a start.
func (m *Machine) empty() bool { return m.forest.len() == 0 && !m.spawning }

func dueEnding(m *Machine, now time.Time, ev Event) {
	switch ev.(Due).Timer {
	case TimerAsk:
		m.askRest()
	case TimerKill:
		m.endPatience(now)
	case TimerStuck:
		m.outlived()
	case TimerRespawn:
		m.respawn = time.Time{}
		if m.empty() {
			m.ended(now)
		}
	}
}

// ended is reached when no process is left.
func (m *Machine) ended(now time.Time) {
	m.disarm(TimerAsk)
	m.disarm(TimerKill)
	m.disarm(TimerStuck)
	m.asked, m.hard, m.stuck, m.spared = false, false, false, false // a process that is found late has its own time
	m.timeout, m.signal = nil, 0
	switch {
	case m.state == Stopping:
		m.conclude(now)
	case m.respawn.IsZero():
		m.restarts++
		m.start(now)
	}
}

// conclude is reached when no process is left of a service that was to be ended.
func (m *Machine) conclude(now time.Time) {
	v := m.verdict
	switch {
	case m.again:
		m.again = false
		begin(m, now, nil)
		return
	case v.failed:
		m.enter(now, Failed)
		m.do(Note{What: NoteFailed, Text: v.text})
	default:
		m.enter(now, Stopped)
		m.do(Note{What: NoteStopped, Text: v.text})
	}
	m.do(Done{v.status, v.text})
}
