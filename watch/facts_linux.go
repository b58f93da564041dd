package watch

import (
	"errors"
	"slices"
	"time"

	"respawner/procconn"
	"respawner/watch/settle"
)

// The rooms hand facts to the table of processes (watch/settle), and answer what it asks.

// maxRounds bounds how often in a turn the table asks.
const maxRounds = 200

// settle has the table of processes say what has happened, and the services hear it.
func (s *Host) settle() {
	for range maxRounds {
		qs := s.table.Questions()
		if qs == nil {
			break
		}
		for _, q := range qs {
			s.answer(q)
		}
	}
	for _, e := range s.table.Settled() {
		s.hear(e)
	}
	s.giveBack()
}

func (s *Host) answer(q settle.Question) {
	switch q.Ask {
	case settle.Drain:
		s.readBirths()
	case settle.Open:
		s.table.Opened(q.P, s.open(q.P))
	case settle.Await:
		s.await(q.P)
	case settle.End:
		s.table.Over(q.P, s.endingOf(q.P))
	case settle.Check:
		if s.hasEnded(q.P) {
			s.table.Stirred(q.P)
		}
	case settle.NewParent:
		s.table.Reparented(q.P, s.parentOf(q.Child.PID))
	case settle.Children:
		s.list(q.P)
	case settle.Others:
		if s.hasChildren() {
			s.table.Some()
		}
	case settle.Owner:
		s.findOwner(q.P)
	case settle.List:
		s.putOnList(q.All)
	case settle.Replay:
		s.replay()
	case settle.Marks:
		s.searchMarks(s.unit(q.Unit))
	default:
		s.carryOut(q)
	}
}

// carryOut does what the table asks for without an answer.
func (s *Host) carryOut(q settle.Question) {
	switch q.Ask {
	case settle.Wait:
		s.check(s.timers.Set(deadline{dead: q.P}, s.now().Add(exitPatience)))
	case settle.Unwatch:
		s.unwatch(q.P)
	case settle.Bury: // the set at once, or a replay tells of its birth again; the rest can wait
		s.check(s.ladder.step.forget(q.P))
		s.buried = append(s.buried, q.P)
	case settle.Close:
		s.check(s.closeFD(q.FD))
	case settle.Reap:
		s.check(s.reapBuried(q.FD))
	}
}

// exitPatience is how long the connector, or the parent of a dead process, has to tell how
// it ended.
const exitPatience = 100 * time.Millisecond

// observe takes one event of the connector. Threads are not followed. It reports whether
// the event is about a process of the table.
func (s *Host) observe(ev procconn.Event) bool {
	p := s.table.Process(ev.TGID)
	switch {
	case ev.IsThread(), ev.TGID == s.pid: // a probe makes events about us
		return true
	case ev.Kind == procconn.Fork:
		if p == nil && ev.ParentTGID != s.pid && s.table.Process(ev.ParentTGID) == nil {
			return false
		}
		return s.born(procconn.Birth{Parent: ev.ParentTGID, PID: ev.TGID, Time: ev.Time}, false)
	case p == nil:
		return false
	case ev.Kind == procconn.Exec:
		s.table.Execed(ev.TGID)
	case ev.Kind == procconn.Exit && (p.FD < 0 || s.hasEnded(p)): // else only its first thread has
		s.table.Exited(ev.TGID, exitOf(ev.ExitCode))
	}
	return true
}

func (s *Host) born(b procconn.Birth, replayed bool) bool {
	ahead, loose := s.ahead()
	return s.table.Born(settle.Birth{
		Parent: b.Parent, Child: b.PID, At: b.Time, By: b.Time + ahead, Loose: loose, Replayed: replayed,
		Held: s.holdsPid(s.table.Process(b.PID)),
	})
}

// holdsPid reports whether a process certainly has its pid still: it lives, or waits for us to
// reap it.
func (s *Host) holdsPid(p *settle.Process) bool {
	if p == nil || p.FD < 0 {
		return false
	}
	if !s.isReadable(p.FD) {
		return true
	}
	_, err := s.endOf(p.FD)
	return err == nil || errors.Is(err, errNotEnded) // a tracer has still to let it go
}

// ahead returns how far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, and whether that was less at
// some time since the births were last read: then the machine was suspended.
func (s *Host) ahead() (by time.Duration, suspended bool) {
	now := s.monotonic()
	by = s.uptime() - now
	return by, by-s.wasAhead > clockStep
}

// clockStep is by how much the two readings of clocks may differ without a suspension: they are
// read one after the other.
const clockStep = time.Millisecond

// hasEnded reports whether a process has ended, as far as its pidfd tells.
func (s *Host) hasEnded(p *settle.Process) bool { return p.FD >= 0 && s.isReadable(p.FD) }

// isThere reports whether what was just read of a process's pid was read of that process: it has not ended.
func (s *Host) isThere(p *settle.Process) bool {
	return !s.hasEnded(p) && (p.Life != settle.Unopened || s.isMeant(p))
}

// parentOf returns the pid of a process's parent by /proc; 0 where that can't be told.
func (s *Host) parentOf(pid int) int {
	stat, _ := s.statOf(pid)
	return stat.ppid
}

// open opens a process by its pid, and finds out which process that is.
func (s *Host) open(p *settle.Process) (l settle.Look) {
	for range maxTries {
		if l = s.openOnce(p); !l.Dead || l.Zombie || !l.Known && !s.isGone(p.PID) {
			return l
		}
		s.check(s.closeFD(l.FD)) // it was reaped, and another process may have its pid by now
		l = settle.Look{FD: -1}
	}
	return l
}

// maxTries bounds how often a pid is opened that is given away at once.
const maxTries = 4

func (s *Host) openOnce(p *settle.Process) settle.Look {
	fd, err := s.openPidfd(p.PID)
	l := settle.Look{Result: settle.Opening, FD: fd, At: s.monotonic()}
	switch {
	case errors.Is(err, errGone):
		return settle.Look{FD: -1}
	case err != nil:
		l.Result, l.FD = settle.Refused, -1
		s.noteBlind(p.PID, err)
	default:
		l.Inode, err = s.inodeOf(fd)
		s.check(err)
	}
	if stat, err := s.statOf(p.PID); err == nil {
		l.Known, l.Start, l.Zombie = true, stat.start, stat.state == "Z"
		l.Parent = s.knownParent(p.PID, stat.ppid)
		if up := p.Up(); up != nil && l.Parent != up.PID && s.hasEnded(up) { // else it would still be p's parent
			s.table.Stirred(up)
		}
	} else if fd >= 0 {
		s.lookAtHidden(p, &l)
	}
	l.Dead = fd >= 0 && s.isReadable(fd)
	return l
}

// lookAtHidden finds out which process's child one is of which /proc tells nothing (hidepid), if it
// was found as that: waitid knows ours; another one is a child still if it is on the list still.
func (s *Host) lookAtHidden(p *settle.Process, l *settle.Look) {
	via, found := p.Via()
	_, err := s.endOf(l.FD)
	switch {
	case !errors.Is(err, errNotOurs):
		l.Parent, l.Zombie = s.pid, err == nil
	case !found || via == nil:
	case slices.Contains(s.childrenOf(via.PID), p.PID) && !s.isReadable(l.FD) && !s.hasEnded(via):
		l.Parent = via.PID
	}
}

// knownParent returns the pid of a process's parent, if that is us or a process of the
// table; else 0.
func (s *Host) knownParent(pid, ppid int) int {
	for range maxTries {
		up := s.table.Process(ppid)
		switch {
		case ppid == s.pid, up != nil && up.Life <= settle.Alive && s.isThere(up):
			return ppid
		case up == nil:
			return 0
		}
		now := s.parentOf(pid)
		if now == ppid {
			return 0 // another process has got the parent's pid
		}
		ppid = now
	}
	return 0
}

// await has the loop tell of a process's death, and of what happens to it after that.
func (s *Host) await(p *settle.Process) {
	if p.FD < 0 { // another process was found to have its pid since that was asked
		return
	}
	slot, err := s.loop.add(rankPidfd, p.FD, pidfdEvents, func(uint32) { s.table.Stirred(p) })
	if err != nil {
		s.noteBlind(p.PID, err)
		s.check(s.closeFD(p.FD))
		s.table.Unwatched(p)
		return
	}
	p.Room = slot
}

// endingOf finds out how a process has ended. A child of ours is reaped.
func (s *Host) endingOf(p *settle.Process) settle.Ending {
	exit, err := s.reap(p.FD)
	switch {
	case err == nil:
		return settle.Ending{Result: settle.Reaped, Exit: exit}
	case errors.Is(err, errNotEnded):
		return settle.Ending{Result: settle.Held}
	case !errors.Is(err, errNotOurs):
		s.check(err)
	}
	exit, _ = s.exitInfo(p.FD)
	return settle.Ending{Exit: exit}
}

// list reads the children of a process, or ours.
func (s *Host) list(p *settle.Process) {
	pid := s.pid
	if p != nil {
		pid = p.PID
	}
	children := s.allChildrenOf(pid)
	if p != nil && !s.isThere(p) {
		children = nil // they may be of another process that has its pid
	}
	s.table.Listed(p, children)
}

// allChildrenOf reads the children file until it is twice the same: it may miss an entry
// while the elder siblings are reaped.
func (s *Host) allChildrenOf(pid int) []int {
	children := s.childrenOf(pid)
	for range maxTries {
		before := children
		if children = s.childrenOf(pid); slices.Equal(before, children) {
			break
		}
	}
	return children
}

// giveBack gives back what there is of processes that are buried.
func (s *Host) giveBack() {
	if len(s.buried) == 0 {
		return
	}
	for _, p := range s.buried {
		s.check(s.timers.Clear(deadline{dead: p}))
		s.unwatch(p)
	}
	s.buried, s.freed = s.buried[:0], true
}

// unwatch gives a process's pidfd back.
func (s *Host) unwatch(p *settle.Process) {
	if slot, is := p.Room.(*slot); is {
		s.check(s.loop.remove(slot))
	}
	if p.FD >= 0 {
		s.check(s.closeFD(p.FD))
	}
}

// reapRest reaps children that died before they were ours: no pidfd of ours tells of them.
func (s *Host) reapRest() error {
	for s.childDied {
		pid, err := s.deadChild()
		if err != nil || pid == 0 {
			s.childDied = false
			return err
		}
		if !s.table.Zombie(pid) {
			return nil // it will be told of, and reaped
		}
		s.settle()
	}
	return nil
}

// reapBuried reaps a dead child that is out of the table. If a tracer has still to let it go,
// that is told anew.
func (s *Host) reapBuried(fd int) error {
	_, err := s.reap(fd)
	if errors.Is(err, errNotEnded) || errors.Is(err, errNotOurs) {
		err = nil
	}
	return errors.Join(err, s.closeFD(fd))
}
