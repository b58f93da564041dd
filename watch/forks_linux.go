package watch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/watch/service"
)

// Births come from the connector, or where there is none from the children
// files; deaths only from pidfds. The kernel queues a fork's event before the
// child runs, and an exit's before the pidfd tells of it. So once the queue
// was emptied, everything that the dead ever did is known.

// connect dials the connector. Without it the children files are scanned.
func (s *Supervisor) connect() {
	conn, err := procconn.Dial()
	if err != nil {
		s.scanning(err)
		return
	}
	err = errors.Join(conn.SetReadBuffer(readBuffer), s.listen(conn))
	if err != nil {
		s.scanning(errors.Join(err, conn.Close()))
	}
}

// readBuffer is asked for the connector's queue, in bytes: some thousand events
// can wait there.
const readBuffer = 1 << 20

func (s *Supervisor) listen(conn *procconn.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var addErr error
	err = raw.Control(func(fd uintptr) {
		// Nothing to do when it is ready: each turn begins with catchUp.
		s.connSlot, addErr = s.loop.add(rankWake, int(fd), unix.EPOLLIN, func(uint32) {})
	})
	if err := errors.Join(err, addErr); err != nil {
		return err
	}
	s.conn = conn
	return nil
}

// scanning goes on without the connector.
func (s *Supervisor) scanning(why error) {
	if s.conn != nil {
		why = errors.Join(why, s.loop.remove(s.connSlot), s.conn.Close())
		s.conn = nil
	}
	s.reason = why.Error()
}

// catchUp learns of everything that was born until now. It comes first in
// each turn, before anybody's death is acted on. What had to wait for that is
// done then; where the queue could not be emptied, only what waited before.
func (s *Supervisor) catchUp() {
	ghosts, kills := len(s.ghosts), len(s.kills)
	overflowed, err := s.drain()
	switch {
	case err != nil:
		for _, u := range s.units {
			u.log.Warn("the proc connector failed: going on by scanning", "error", err)
		}
		s.scanning(err)
		s.scan()
	case overflowed:
		s.resyncs++
		s.scan()
	case s.conn == nil:
		s.scan()
	}
	if s.emptied {
		ghosts, kills = len(s.ghosts), len(s.kills)
	}
	s.buryGhosts(ghosts)
	s.signal(kills)
}

// drain reads the connector until it is empty, or until at least all was read
// that had been queued when it began: a storm must not hold up the turn.
func (s *Supervisor) drain() (overflowed bool, err error) {
	s.emptied = true
	if s.conn == nil {
		return false, nil
	}
	for range s.conn.Capacity() {
		ev, ok, err := s.conn.TryReceive()
		switch {
		case errors.Is(err, procconn.ErrOverflow):
			overflowed = true
		case err != nil:
			return overflowed, err
		case !ok:
			return overflowed, nil
		default:
			s.observe(ev)
		}
	}
	s.emptied = false
	return overflowed, nil
}

// observe takes one event of the connector. Threads are not followed.
func (s *Supervisor) observe(ev procconn.Event) {
	if ev.IsThread() || s.early.hold(s, ev) {
		return
	}
	p := s.procs[ev.TGID]
	switch {
	case ev.Kind == procconn.Fork:
		s.forked(ev)
	case p == nil:
	case ev.Kind == procconn.Exec:
		s.tell(p.unit, service.Execed{PID: p.pid, Program: programOf(p.pid)})
	case ev.Kind == procconn.Exit:
		p.exit = exitOf(ev.ExitCode) // of its first thread; its death is for the pidfd to tell
	}
}

// forked takes a birth into the forest, if the parent is of it.
func (s *Supervisor) forked(ev procconn.Event) {
	if old := s.procs[ev.TGID]; old != nil {
		if ev.Time <= old.since {
			return // it is that very process, which a scan has found first
		}
		// Its pid was given away, so it is dead and reaped; its pidfd may even
		// have been opened too late, on the new one.
		s.bury(old, old.exit)
	}
	switch p := s.procs[ev.ParentTGID]; {
	case p != nil:
		s.adopt(p.unit, ev.ParentTGID, ev.TGID, ev.Time)
	case ev.ParentTGID == s.pid: // CLONE_PARENT by a root
		s.adopt(s.units[0], 0, ev.TGID, ev.Time)
	}
}

// isOurs tells whether /proc has a process below us.
func (s *Supervisor) isOurs(pid int) bool {
	parent := parentOf(pid)
	return parent == s.pid || s.procs[parent] != nil
}

// adopt adds a process to the forest.
func (s *Supervisor) adopt(u *unit, parent, pid int, since time.Duration) {
	p := &process{pid: pid, unit: u, pidfd: -1, since: since}
	s.procs[pid] = p
	s.open(p)
	s.tell(u, service.Forked{Parent: parent, Child: pid})
}

// open gets a pidfd and has the loop watch it. A process that is dead and
// reaped already may have children whose birth is still in the queue, so it
// stays, as a ghost, until the queue was emptied. One for which there is no
// descriptor is tried again.
func (s *Supervisor) open(p *process) {
	fd, err := openPidfd(p.pid)
	if err == nil {
		err = s.watch(p, fd)
	}
	if err == nil {
		return
	}
	s.ghosts = append(s.ghosts, p)
	p.gone = errors.Is(err, errGone)
	if !p.gone && !p.warned {
		p.warned = true
		p.unit.log.Warn(fmt.Sprintf("pid %d can't be watched for now", p.pid), "error", err)
	}
}

// watch puts a process's pidfd into the loop; it owns the pidfd.
func (s *Supervisor) watch(p *process, pidfd int) error {
	p.pidfd = pidfd
	err := s.unpark(p)
	if err != nil {
		p.pidfd = -1
		err = errors.Join(err, unix.Close(pidfd))
	}
	return err
}

// buryGhosts is called for the first n ghosts when all was read that was
// queued when they were found: who was gone then has no children that we
// don't know.
func (s *Supervisor) buryGhosts(n int) {
	ghosts := s.ghosts[:n]
	s.ghosts = slices.Clone(s.ghosts[n:])
	for _, p := range ghosts {
		switch {
		case s.procs[p.pid] != p || p.pidfd >= 0:
		case p.gone:
			s.bury(p, p.exit)
		default:
			s.open(p)
			if p.pidfd >= 0 && !s.isOurs(p.pid) { // it was gone, and its pid given away
				s.bury(p, p.exit)
			}
		}
	}
}

// monotonic is the clock of the connector's events (CLOCK_MONOTONIC).
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every kernel has it
	}
	return time.Duration(t.Nano())
}

// died acts on a death that the pidfd told.
func (s *Supervisor) died(p *process) {
	exit, err := reap(p.pidfd)
	switch {
	case errors.Is(err, errNotEnded):
		s.park(p)
		return
	case errors.Is(err, errNotOurs):
		exit = p.exit
	case err != nil:
		p.unit.log.Warn(fmt.Sprintf("pid %d ended, its status can't be had", p.pid), "error", err)
	}
	s.bury(p, exit)
}

// park takes a process out of the loop: one that is buried; or a dead child
// that a tracer holds, until the SIGCHLD that comes when it lets go.
func (s *Supervisor) park(p *process) {
	if p.slot != nil {
		s.check(s.loop.remove(p.slot))
	}
	p.slot = nil
}

// unpark has the loop tell of a process again.
func (s *Supervisor) unpark(p *process) (err error) {
	if p.slot == nil && p.pidfd >= 0 {
		p.slot, err = s.loop.add(rankPidfd, p.pidfd, unix.EPOLLIN, func(uint32) { s.died(p) })
	}
	return err
}

// bury takes a dead process out of the forest.
func (s *Supervisor) bury(p *process, exit service.Exit) {
	delete(s.procs, p.pid)
	s.park(p)
	if p.pidfd >= 0 {
		s.check(unix.Close(p.pidfd))
	}
	s.tell(p.unit, service.Exited{PID: p.pid, Exit: exit, Reaper: s.reaper(p)})
}

// reaper is who has the children of a dead process now: a subreaper of the
// forest's own, or we (0).
func (s *Supervisor) reaper(p *process) int {
	for _, child := range p.unit.machine.Children(p.pid) {
		if parent := parentOf(child); parent != 0 && parent != p.pid {
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
		pid, err := deadChild()
		if err != nil || pid == 0 {
			s.childDied = false
			return err
		}
		s.catchUp() // whoever is dead was born before: if it is ours, it is known now
		if p := s.procs[pid]; p != nil {
			return s.unpark(p) // its pidfd tells, in the next turn
		}
		if s.early.waiting() {
			return nil // it may be a start that failed; the spawner reaps that
		}
		delete(s.strangers, pid)
		if err := reapStranger(pid); err != nil {
			return err
		}
	}
	return nil
}

func reapStranger(pid int) error {
	fd, err := openPidfd(pid)
	if err != nil {
		return err
	}
	_, err = reap(fd)
	return errors.Join(err, unix.Close(fd))
}
