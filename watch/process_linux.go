package watch

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// Between births and deaths stand the live processes, each with its pidfd.

// process is a live process of a service.
type process struct {
	pid     int
	unit    *unit
	pidfd   int          // -1: none (yet)
	slot    *slot        // nil: not in the loop
	exit    service.Exit // what the connector said of it
	dead    bool         // but how it ended is still to be told
	ending  bool         // and about to be told of
	gone    bool         // dead and reaped before it could be opened
	looked  bool         // what it runs as a root is known
	refused error        // why it could not be signalled

	identity identity // once it was asked for

	foreign bool // it does not descend from us: a pidfile named it, or whom it descends from

	// since is when it was known to live: the time of its fork's event, or of
	// the scan that found it. born is when the kernel's set says that it was
	// forked, 0 if it was put there.
	since, born time.Duration

	opened time.Duration // when it had its pidfd
}

// hasEnded tells whether a process is dead, as far as a pidfd tells.
func (s *Supervisor) hasEnded(p *process) bool { return p.pidfd >= 0 && s.isReadable(p.pidfd) }

// hasPid tells whether a process that was opened lives, or is a zombie of ours: so
// nobody else has got its pid.
func (s *Supervisor) hasPid(p *process) bool {
	_, err := s.endOf(p.pidfd)
	return err == nil || !s.hasEnded(p)
}

// parentOf is the pid of a process's parent by /proc; 0 when it can't be told.
func (s *Supervisor) parentOf(pid int) int {
	stat, _ := s.statOf(pid)
	return stat.ppid
}

// isZombie tells whether a process is dead, and its parent has yet to reap it.
func (s *Supervisor) isZombie(pid int) bool {
	stat, _ := s.statOf(pid)
	return stat.state == "Z"
}

// isOurs tells whether /proc has a process below us. A parent that is dead has
// no children: those under its pid are of a stranger who has got that, unless
// it died right now.
func (s *Supervisor) isOurs(pid int) bool {
	for {
		parent := s.parentOf(pid)
		p := s.procs[parent]
		switch {
		case p == nil:
			return parent == s.pid && !s.strangers[pid]
		case p.pidfd >= 0 && !s.hasEnded(p), p.pidfd < 0 && !p.gone && s.belongs(p):
			return true
		case parent == s.parentOf(pid):
			return false
		}
	}
}

// belongs tells whether a pid is still that of a process of the forest, by its
// parent; that of an orphan which does not descend from us is init.
func (s *Supervisor) belongs(p *process) bool {
	if p.foreign && (p.identity.PID != 0 || !s.isOurs(p.pid)) {
		return !errors.Is(s.verify(p, p.pidfd), errOther)
	}
	return s.isOurs(p.pid)
}

// everybody is all processes, in the order of their pids: what is done to them
// does not depend on chance.
func (s *Supervisor) everybody() []*process {
	return slices.SortedFunc(maps.Values(s.procs), func(a, b *process) int { return a.pid - b.pid })
}

// isThere tells whether there is a process that passes a test.
func (s *Supervisor) isThere(test func(*process) bool) bool {
	for _, p := range s.procs {
		if test(p) {
			return true
		}
	}
	return false
}

// parentIn is the parent of a process if it is of the forest, else 0.
func (s *Supervisor) parentIn(pid int) int {
	if parent := s.parentOf(pid); s.procs[parent] != nil {
		return parent
	}
	return 0
}

// adopt adds a process to the forest.
func (s *Supervisor) adopt(u *unit, parent, pid int, since time.Duration) {
	p := &process{pid: pid, unit: u, pidfd: -1, since: since, born: since}
	if up := s.procs[parent]; up != nil {
		p.foreign = up.foreign
	}
	s.enter(p)
	if s.open(p); p.foreign && p.pidfd >= 0 {
		s.identify(p) // as long as its parent can tell who it is
	}
	s.tell(u, service.Forked{Parent: parent, Child: pid})
}

// enter puts a process into the table.
func (s *Supervisor) enter(p *process) {
	s.procs[p.pid] = p
	delete(s.unreaped, p.pid)
	delete(s.strangers, p.pid) // one that has died below another tells nobody
	s.entered++
	if l := &s.ladder; l.step == TrackSocketFilter {
		l.changed, l.fresh = true, append(l.fresh, p)
	}
}

// admit puts a process into the table that comes with its pidfd. The error is
// one of putting it into the kernel's set, which may be newer than it.
func (s *Supervisor) admit(p *process, pidfd int) error {
	s.enter(p)
	if err := s.watch(p, pidfd); err != nil {
		s.open(p)
	}
	return s.join(p)
}

// admitUnopened puts one there that lives, but for which there is no descriptor
// now. Its children are to be told of all the same.
func (s *Supervisor) admitUnopened(p *process, why error) error {
	s.enter(p)
	s.haunt(p, why)
	return s.join(p)
}

// open gets a pidfd and has the loop watch it. A process that is dead and
// reaped already may have children whose birth is still in the queue, so it
// stays, as a ghost, until the queue was emptied. One for which there is no
// descriptor is tried again.
func (s *Supervisor) open(p *process) {
	fd, err := s.openPidfd(p.pid)
	if err == nil {
		err = s.watch(p, fd)
	}
	if err == nil {
		return
	}
	s.haunt(p, err)
}

// haunt makes a ghost of a process that could not be opened or watched.
func (s *Supervisor) haunt(p *process, err error) {
	s.ghosts = append(s.ghosts, p)
	p.gone = errors.Is(err, errGone)
	if !p.gone && !s.blind {
		s.blind = true
		p.unit.log.Warn(fmt.Sprintf("pid %d, and maybe others, can't be watched for now", p.pid), "error", err)
	}
}

// watch puts a process's pidfd into the loop; it owns the pidfd.
func (s *Supervisor) watch(p *process, pidfd int) error {
	p.pidfd, p.opened = pidfd, s.monotonic()
	err := s.unpark(p)
	if err != nil {
		p.pidfd = -1
		err = errors.Join(err, s.closeFD(pidfd))
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
			s.finish(p, p.exit)
		default:
			s.open(p)
			if p.pidfd >= 0 && !s.belongs(p) { // it was gone, and its pid given away
				s.bury(p, p.exit)
			}
		}
	}
	s.blind = s.blind && len(s.ghosts) > 0
}

// park takes a process out of the loop: one that is buried; or a dead child
// that a tracer holds, until the SIGCHLD that comes when it lets go.
func (s *Supervisor) park(p *process) {
	if p.slot != nil {
		s.check(s.loop.remove(p.slot))
	}
	p.slot = nil
}

// unpark has the loop tell of a process's death again.
func (s *Supervisor) unpark(p *process) (err error) {
	switch {
	case p.slot != nil:
		err = s.loop.change(p.slot, unix.EPOLLIN)
	case p.pidfd >= 0:
		p.slot, err = s.loop.add(rankPidfd, p.pidfd, unix.EPOLLIN, func(uint32) { s.died(p) })
	}
	return err
}

// unparkAll has the loop tell of deaths that could not be acted on before.
func (s *Supervisor) unparkAll() {
	for _, p := range s.everybody() {
		if p.slot == nil && !p.dead {
			s.check(s.unpark(p))
		}
	}
}
