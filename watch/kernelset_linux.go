package watch

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// On TrackKernelSet the kernel keeps who descends from us: it adds each child
// as it is born, whatever becomes of the event. We take out who is dead.

// enlist puts us and all who are known to live into the set. Who is in it
// already stays as it is there.
func (s *Supervisor) enlist() error {
	for _, p := range s.ghosts {
		if p.gone {
			s.forget(p) // there may be no room for the dead
		}
	}
	err := s.ladder.set.Add(s.pid)
	for _, p := range s.everybody() {
		if err == nil && !p.gone {
			err = s.join(p)
		}
	}
	return err
}

// join puts a process into the set, if there is one.
func (s *Supervisor) join(p *process) error {
	set := s.ladder.set
	if set == nil {
		return nil
	}
	err := set.Add(p.pid)
	if errors.Is(err, unix.E2BIG) {
		s.ladder.best = TrackSocketFilter
		return fmt.Errorf("the kernel's set of processes is full (%d): %w", setSize, err)
	}
	if err != nil {
		return err
	}
	b, _, err := set.Birth(p.pid)
	p.born = b.Time
	return err
}

// forget takes a dead process out of the set. It comes before its reaping
// where that is ours to do, for then the pid can't be another's yet.
func (s *Supervisor) forget(p *process) {
	if s.ladder.set != nil {
		s.check(s.ladder.set.Forget(p.pid, p.born))
	}
}

// lookAfterSet sees to it that all are in the set: when it was full, or the
// kernel had no memory at hand, some are not, nor are their children.
func (s *Supervisor) lookAfterSet() error {
	l := &s.ladder
	if !l.forked {
		return nil
	}
	l.forked = false
	n, err := l.set.Lost()
	if err == nil && n != l.overfull {
		l.overfull = n
		err = s.makeRoom()
	}
	if err != nil || l.set == nil {
		return err
	}
	return s.joinLate()
}

// makeRoom is for a set that was full.
func (s *Supervisor) makeRoom() error {
	s.missed()
	if err := s.replay(); err != nil || s.ladder.set == nil {
		return err
	}
	return s.enlist()
}

// joinLate puts processes into the set that their birth did not put there. Nor
// was it told then who may have got such a pid since, so that is found out.
func (s *Supervisor) joinLate() error {
	late := s.ladder.late
	s.ladder.late = nil
	for _, p := range late {
		if s.procs[p.pid] == p && p.pidfd >= 0 && !s.belongs(p) {
			s.bury(p, p.exit)
		}
		if s.procs[p.pid] != p || p.gone { // there may be no room for the dead
			continue
		}
		if err := s.join(p); err != nil {
			return err
		}
	}
	return nil
}

// replay takes up the births in the set that events have failed to tell of.
// The dead are forgotten, but not before those whom they begot are known, who
// come after them. It ends where the set is given up for somebody who is found.
func (s *Supervisor) replay() error {
	births, err := s.ladder.set.Births()
	if err != nil {
		return err
	}
	dead := map[int]*unit{} // whose they were
	for _, b := range births {
		known := b.PID == s.pid || s.strangers[b.PID] || s.isKnown(b.PID, b.Time, true)
		if s.ladder.set == nil {
			return nil
		}
		if known {
			continue
		}
		u := dead[b.Parent]
		if p := s.procs[b.Parent]; p != nil {
			u = p.unit
		}
		switch {
		case u == nil && s.early.waiting(): // perhaps what is being started, or of it
		case !s.isGone(b.PID):
			s.takeOrphan(u, b)
		default:
			dead[b.PID] = u
			if err := s.ladder.set.Forget(b.PID, b.Time); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeOrphan adds a process under the parent that it has now. If whose it is
// is not known by birth (u is nil), other signs tell.
func (s *Supervisor) takeOrphan(u *unit, b procconn.Birth) {
	if u == nil {
		u = s.owner(b.PID)
	}
	if u == nil {
		return
	}
	parent := s.parentIn(b.PID)
	s.adopt(u, parent, b.PID, b.Time)
	p := s.procs[b.PID]
	if parent == 0 && !s.descends(b.PID) {
		p.foreign = true // as its parent was that has died: init has it
	}
	s.lookAt(p) // what it ran was not told either
}

// overheard is called for an event about a process that we don't know. If it
// is in the set, its birth was not told.
func (s *Supervisor) overheard(pid int) {
	if s.ladder.set == nil {
		return
	}
	_, in, err := s.ladder.set.Birth(pid)
	s.check(err)
	s.ladder.lost = s.ladder.lost || in
}
