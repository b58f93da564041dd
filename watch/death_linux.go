package watch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"respawner/watch/service"
)

// Deaths come from pidfds only, and are acted on when everything is known that
// was born before.

// died acts on a death that the pidfd told.
func (s *Supervisor) died(p *process) {
	if s.ladder.lost && s.early.waiting() {
		s.park(p) // it may have children that can't be looked for yet: until the start is over
		return
	}
	if s.lookAround(); s.procs[p.pid] != p {
		return // its pid is another's by now, and so it was buried
	}
	exit, err := s.endOf(p.pidfd)
	switch {
	case errors.Is(err, errNotEnded):
		s.park(p)
		return
	case errors.Is(err, errNotOurs):
		s.diedElsewhere(p)
		return
	case err != nil:
		p.unit.log.Warn(fmt.Sprintf("pid %d ended, its status can't be had", p.pid), "error", err)
	}
	s.buryChild(p, exit)
}

// buryChild reaps a dead child of ours, and takes it out of the forest.
func (s *Supervisor) buryChild(p *process, exit service.Exit) {
	s.forget(p)
	s.check(s.reap(p.pidfd))
	s.finish(p, exit)
}

// finish buries a process when all was read that was queued when it died, and
// when it is known who else there is.
func (s *Supervisor) finish(p *process, exit service.Exit) {
	p.exit, p.ending = exit, true
	s.finishChildren(p)
	if s.isLast(p) && s.hasOthers() {
		s.missed() // somebody was born of whom nobody told
		s.catchUp()
	}
	p.ending = false
	s.bury(p, exit)
}

// finishChildren buries the children of a dead process that are known to be dead
// as well. They come before it, and who has still to tell how they ended is it.
func (s *Supervisor) finishChildren(p *process) {
	for _, pid := range p.unit.machine.Children(p.pid) {
		if child := s.procs[pid]; child != nil && child.dead {
			s.impatient(child)
		}
	}
}

// hasOthers tells whether we have a child that is not known to be dead, nor a
// stranger.
func (s *Supervisor) hasOthers() bool {
	for _, pid := range slices.Sorted(maps.Keys(s.unreaped)) {
		if s.parentOf(pid) == s.pid {
			s.check(s.reapStranger(pid))
			delete(s.unreaped, pid)
		}
	}
	if s.mixed {
		return slices.ContainsFunc(s.allChildrenOf(s.pid), func(pid int) bool { return !s.strangers[pid] })
	}
	return s.hasChildren()
}

// isLast tells whether nobody else is known who could be our child, where that
// should be known.
func (s *Supervisor) isLast(p *process) bool {
	return s.ladder.conn != nil && len(s.procs) == 1 && s.procs[p.pid] == p && !s.early.waiting()
}

// diedElsewhere acts on the death of a process that is not our child. How it
// ended the connector tells, or the pidfd once its parent has reaped it.
func (s *Supervisor) diedElsewhere(p *process) {
	exit, told := s.exitInfo(p.pidfd)
	switch {
	case told: // so it was reaped
		s.finish(p, exit)
	case p.exit.Known:
		s.buryUnreaped(p)
	case p.dead:
		s.park(p) // it was reaped, and nobody can tell: until the connector does, or the time is over
	default:
		s.awaitExit(p)
	}
}

// maxUnreaped bounds how many are remembered. A parent may never reap.
const maxUnreaped = 4096

// buryUnreaped buries a dead process that its parent has not reaped, as far as
// is known. If that one dies as well it comes to us, which is no sign of a birth
// that was missed.
func (s *Supervisor) buryUnreaped(p *process) {
	if len(s.unreaped) >= maxUnreaped {
		clear(s.unreaped) // at the price of a needless look around
	}
	s.unreaped[p.pid] = true
	s.finish(p, p.exit)
}

// exitPatience is how long the connector, or the parent of a dead process, has
// to tell how it ended.
const exitPatience = 100 * time.Millisecond

// awaitExit leaves a dead process that is not our child until somebody tells
// how it ended: the event may come right after the death, or the reaping,
// which is a hang-up of the pidfd (Linux 6.13).
func (s *Supervisor) awaitExit(p *process) {
	p.dead = true
	s.check(s.loop.change(p.slot, 0))
	s.check(s.timers.Set(deadline{dead: p}, s.now().Add(exitPatience)))
}

// impatient ends that. Its parent may have died meanwhile, and left it to us.
func (s *Supervisor) impatient(p *process) {
	exit, err := s.endOf(p.pidfd)
	if err == nil {
		s.buryChild(p, exit)
		return
	}
	if exit, told := s.exitInfo(p.pidfd); told {
		s.finish(p, exit)
		return
	}
	s.buryUnreaped(p)
}

// bury takes a dead process out of the forest. While it is being finished it
// only makes way for another one that has its pid.
func (s *Supervisor) bury(p *process, exit service.Exit) {
	if s.procs[p.pid] == p {
		delete(s.procs, p.pid)
	}
	if p.ending {
		return
	}
	s.buried, s.ladder.changed = true, true
	if p.foreign {
		s.findOrphans(p)
	}
	// This comes first, for it may start the successor on the other thread.
	s.tellExited(p.unit, service.Exited{PID: p.pid, Exit: exit, Reaper: s.reaper(p)})
	s.forget(p)
	s.park(p)
	if p.dead {
		s.check(s.timers.Clear(deadline{dead: p}))
	}
	if p.pidfd >= 0 {
		s.check(s.closeFD(p.pidfd))
	}
}

// tellExited tells a service of a death, and of who was found under that pid.
func (s *Supervisor) tellExited(u *unit, ev service.Exited) {
	next := s.procs[ev.PID]
	if next != nil {
		ev.Next = &service.Forked{Parent: s.parentIn(ev.PID), Child: ev.PID}
	}
	if s.tell(u, ev); next != nil {
		s.lookAt(next)
	}
}

// reaper is who has the children of a dead process now: a subreaper of the
// forest's own, or we (0).
func (s *Supervisor) reaper(p *process) int {
	for _, child := range p.unit.machine.Children(p.pid) {
		if parent := s.parentOf(child); parent != 0 && parent != p.pid {
			if s.procs[parent] != nil {
				return parent
			}
			return 0
		}
	}
	return 0
}

// reapRest is called at the end of a turn in which a SIGCHLD came: children
// that died before they were ours, and came to us as zombies, are told by no
// pidfd. It only looks for who is dead; a death that is newer than the turn
// must not be acted on, for what the dead did last is not known yet.
func (s *Supervisor) reapRest() error {
	for s.childDied {
		pid, err := s.deadChild()
		if err != nil || pid == 0 {
			s.childDied = false
			return err
		}
		s.catchUp() // whoever is dead was born before: if that was told, it is known now
		if s.early.waiting() && s.procs[pid] == nil {
			return nil // it may be a start that failed; the spawner reaps that
		}
		if s.procs[pid] == nil && s.ladder.conn != nil && !s.mixed && !s.unreaped[pid] {
			s.missed()
			s.catchUp()
		}
		if p := s.procs[pid]; p != nil && (p.pidfd < 0 || s.hasPid(p)) {
			return s.unpark(p) // its pidfd tells, in the next turn
		} else if p != nil {
			s.finish(p, p.exit) // this one has got its pid
			continue
		}
		delete(s.strangers, pid)
		delete(s.unreaped, pid)
		if err := s.reapStranger(pid); err != nil {
			return err
		}
	}
	return nil
}

func (s *Supervisor) reapStranger(pid int) error {
	fd, err := s.openPidfd(pid)
	if err != nil {
		return err
	}
	return errors.Join(s.reap(fd), s.closeFD(fd))
}
