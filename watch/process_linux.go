package watch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// Deaths come from pidfds only, and are acted on when everything is known that
// was born before. Between them stand the live processes, each with its pidfd.

// process is a live process of a service.
type process struct {
	pid    int
	unit   *unit
	pidfd  int          // -1: none (yet)
	slot   *slot        // nil: not in the loop
	exit   service.Exit // what the connector said of it
	dead   bool         // but how it ended is still to be told
	gone   bool         // dead and reaped before it could be opened
	warned bool         // that it can't be watched
	looked bool         // what it runs as a root is known

	// since is when it was known to live: the time of its fork's event, or of
	// the scan that found it.
	since time.Duration
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

// died acts on a death that the pidfd told.
func (s *Supervisor) died(p *process) {
	exit, err := reap(p.pidfd)
	switch {
	case errors.Is(err, errNotEnded):
		s.park(p)
		return
	case errors.Is(err, errNotOurs) && s.conn != nil && !p.exit.Known && !p.dead:
		s.awaitExit(p)
		return
	case errors.Is(err, errNotOurs):
		exit = p.exit
	case err != nil:
		p.unit.log.Warn(fmt.Sprintf("pid %d ended, its status can't be had", p.pid), "error", err)
	}
	s.bury(p, exit)
}

// exitPatience is how long the connector has to tell how a process ended.
const exitPatience = 100 * time.Millisecond

// awaitExit leaves a dead process that is not our child until the connector
// tells how it ended: that event may come right after the death.
func (s *Supervisor) awaitExit(p *process) {
	s.park(p)
	p.dead = true
	s.check(s.timers.Set(deadline{dead: p}, time.Now().Add(exitPatience)))
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
	s.buried = true
	s.park(p)
	if p.dead {
		s.check(s.timers.Clear(deadline{dead: p}))
	}
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
