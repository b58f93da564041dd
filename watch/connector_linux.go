package watch

import (
	"errors"
	"fmt"
	"time"

	"respawner/procconn"
	"respawner/watch/service"
)

// Births come from the connector, or where there is none from a scan. The
// kernel queues a fork's event before the child runs. So once the queue was
// emptied, all children are known of whoever died before.

// catchUp learns of everything that was born until now. It comes first in
// each turn, before anybody's death is acted on. What had to wait for that is
// done then; where the queue could not be emptied, only what waited before.
func (s *Supervisor) catchUp() {
	ghosts, kills := len(s.ghosts), len(s.kills)
	if err := s.drain(); err != nil {
		s.fall(err)
	}
	if err := s.keepUp(); err != nil {
		s.fall(err)
	}
	if s.ladder.lost {
		s.resync()
	} else if s.ladder.emptied {
		s.ladder.sure = s.monotonic() // nobody else has got their pids
	}
	if s.ladder.emptied {
		ghosts, kills = len(s.ghosts), len(s.kills)
	}
	s.buryGhosts(ghosts)
	s.signal(min(kills, len(s.kills))) // some may have been sent meanwhile: a ghost can be the last one that was known
}

// drain reads the connector until it is empty, or until at least all was read
// that had been queued when it began: a storm must not hold up the turn.
func (s *Supervisor) drain() error {
	l := &s.ladder
	l.emptied = true
	if l.conn == nil {
		return nil
	}
	for range l.conn.Capacity() + 1 { // an overflow is told beside what is in the queue
		if l.conn == nil { // an event has made us give it up
			break
		}
		ev, ok, err := l.conn.TryReceive()
		switch {
		case errors.Is(err, procconn.ErrOverflow):
			l.lost, l.forked = true, true // among what was lost
		case err != nil:
			return err
		case !ok:
			return nil
		default:
			s.observe(ev)
		}
	}
	l.emptied = false
	return nil
}

// keepUp does what the step needs beside the events.
func (s *Supervisor) keepUp() error {
	l := &s.ladder
	switch l.step {
	case TrackKernelSet:
		return s.lookAfterSet()
	case TrackSocketFilter:
		return s.refilter()
	case TrackScan:
		return s.scan()
	case TrackPidfile:
		if s.clearing() {
			return s.scan()
		}
	}
	return nil
}

// resync makes up for births that were not told. What is being started is
// known only later, and an overflow ends only with an empty queue; until then
// more may be missing.
func (s *Supervisor) resync() {
	l := &s.ladder
	var err error
	if l.set != nil {
		err = s.replay()
	}
	s.dropStrangers()
	if l.set == nil || l.gap {
		err = errors.Join(err, s.scanAll())
	}
	if l.step == TrackSocketFilter {
		err = errors.Join(err, s.refilter())
	}
	switch {
	case err != nil:
		s.fall(err)
	case l.emptied && !s.early.waiting():
		s.lookAtAll() // what they exec'ed may be among what was lost
		l.lost, l.gap = false, false
		l.resyncs++
		s.noteResync()
		if l.step <= l.first { // else the next try for it is due
			s.probeIn(probeSoon)
		}
	}
}

// noteResync tells of a resync, but not of each in a storm of them.
func (s *Supervisor) noteResync() {
	l := &s.ladder
	if now := s.monotonic(); l.noted == 0 || now-l.noted > time.Second {
		l.noted = now
		s.noteAll("resynced", fmt.Sprintf("events were lost: %d processes made sure of", len(s.procs)))
	}
}

// dropStrangers makes sure of the processes: the pid of one may have been given
// away before its pidfd was opened, and that birth be among those that were not
// told.
func (s *Supervisor) dropStrangers() {
	for _, p := range s.everybody() {
		if s.procs[p.pid] != p || p.pidfd < 0 || s.hasEnded(p) && p.opened <= s.ladder.sure {
			continue // buried meanwhile, or sure
		}
		if !s.isStill(p) {
			s.bury(p, p.exit)
		}
	}
	s.ladder.sure = s.monotonic()
}

// isStill tells whether a pid is still that of the process: by the set, if
// there is one, else by its parent. Who does not descend from us may have any, so
// it is looked at only after it was opened.
func (s *Supervisor) isStill(p *process) bool {
	if s.ladder.set == nil {
		return p.foreign && p.opened <= s.ladder.sure || s.belongs(p)
	}
	b, in, err := s.ladder.set.Birth(p.pid)
	s.check(err)
	return in && b.Time == p.born
}

// observe takes one event of the connector. Threads are not followed.
func (s *Supervisor) observe(ev procconn.Event) {
	if ev.IsThread() || s.early.hold(s, ev) {
		return
	}
	p := s.procs[ev.TGID]
	switch {
	case ev.Kind == procconn.Fork:
		s.ladder.forked = true
		if !s.born(ev.ParentTGID, ev.TGID, ev.Time) {
			s.overheard(ev.TGID)
		}
	case p == nil && ev.Kind == procconn.Exec:
		s.overheard(ev.TGID)
	case p == nil:
	case ev.Kind == procconn.Exec:
		s.ranProgram(p)
	case p.pidfd >= 0 && !s.hasEnded(p): // only its first thread has
	case ev.Kind == procconn.Exit:
		p.exit = exitOf(ev.ExitCode)
		if p.dead {
			s.check(s.unpark(p)) // it is buried when all was read
		}
	}
}

// ranProgram tells what a process runs now; of one that is gone already, that it
// was another program.
func (s *Supervisor) ranProgram(p *process) {
	s.tell(p.unit, service.Execed{PID: p.pid, Program: s.programOf(p.pid)})
}

// born takes a birth into the forest, if the parent is of it. It tells whether
// the child or the parent was known.
func (s *Supervisor) born(parent, child int, at time.Duration) bool {
	up := s.procs[parent]
	ours := up != nil || parent == s.pid
	if s.isKnown(child, at, ours) {
		return true
	}
	if !ours || up != nil && !s.wasThere(up, at) {
		return false
	}
	p := s.takeIn(parent, child, at)
	switch {
	case p == nil:
	case up == nil: // we did not start it: CLONE_PARENT by a root, which is not told
		s.lookAt(p)
	case s.ladder.set != nil && !s.isStill(p): // it did not have the parent then, or has been told that the child is dead
		s.ladder.late = append(s.ladder.late, p)
	}
	return true
}

// wasThere tells whether a process was there at a time when somebody of its pid
// forked. One that a scan has found may be younger than what is in the queue.
func (s *Supervisor) wasThere(p *process, at time.Duration) bool {
	switch {
	case p.dead: // all that it has done was told before
		return false
	case at >= p.since:
		return true
	}
	stat, err := s.statOf(p.pid)
	return err != nil || stat.start <= s.uptimeAt(at)
}

// uptimeAt is what CLOCK_BOOTTIME showed at a time of CLOCK_MONOTONIC, or more if
// the machine was suspended since.
func (s *Supervisor) uptimeAt(t time.Duration) time.Duration {
	now := s.monotonic()
	return t + s.uptime() - now
}

// outlived tells whether a process was there before a birth and still has its
// pid, so that it is its own: a fork can be seen in /proc a moment before it is
// told. One that its parent has reaped has that parent to stand for it. A birth
// by a stranger is never of a process of ours.
func (s *Supervisor) outlived(p *process, birth time.Duration) bool {
	return p.pidfd >= 0 && p.opened <= birth && s.hasPid(p)
}

// isKnown tells whether a birth is that of a process that we know. If it is a
// later one, the pid was given away, so the former owner is dead and reaped;
// our pidfd for it may even have been opened too late, on the new one.
func (s *Supervisor) isKnown(pid int, at time.Duration, ours bool) bool {
	p := s.procs[pid]
	if p == nil {
		return false
	}
	if at > p.since && (!ours || !s.outlived(p, at)) {
		if p.born == at {
			p.born = 0 // what the set has is the new one: it stays, or a stranger who gets the pid next is not told of
		}
		s.bury(p, p.exit)
		return s.procs[pid] != nil // the new one may have been found by that
	}
	p.born = at // known already: a scan has found it, or we have started it
	return true
}
