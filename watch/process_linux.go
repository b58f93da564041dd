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

// Deaths come from pidfds only, and are acted on when everything is known that
// was born before. Between them stand the live processes, each with its pidfd.

// process is a live process of a service.
type process struct {
	pid     int
	unit    *unit
	pidfd   int          // -1: none (yet)
	slot    *slot        // nil: not in the loop
	exit    service.Exit // what the connector said of it
	dead    bool         // but how it ended is still to be told
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

// isOurs tells whether /proc has a process below us.
func (s *Supervisor) isOurs(pid int) bool {
	parent := s.parentOf(pid)
	return parent == s.pid && !s.strangers[pid] || s.procs[parent] != nil
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
	if s.open(p); s.ladder.conn != nil {
		s.ladder.opened = append(s.ladder.opened, p)
	}
	s.tell(u, service.Forked{Parent: parent, Child: pid})
}

// enter puts a process into the table.
func (s *Supervisor) enter(p *process) {
	s.procs[p.pid] = p
	delete(s.unreaped, p.pid)
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

// died acts on a death that the pidfd told.
func (s *Supervisor) died(p *process) {
	if s.ladder.lost && s.early.waiting() {
		s.park(p) // it may have children that can't be looked for yet: until the start is over
		return
	}
	s.lookAround()
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

// finish buries a process when all was read that was queued when it died.
func (s *Supervisor) finish(p *process, exit service.Exit) {
	if p.exit = exit; s.isLast(p) && s.hasOthers() {
		s.missed() // somebody was born of whom nobody told
		s.catchUp()
	}
	if s.procs[p.pid] == p { // else its pid was given away, and so it was buried
		s.bury(p, exit)
	}
}

// hasOthers tells whether we have a child that is not known to be dead.
func (s *Supervisor) hasOthers() bool {
	for _, pid := range slices.Sorted(maps.Keys(s.unreaped)) {
		if s.parentOf(pid) == s.pid {
			s.check(s.reapStranger(pid))
			delete(s.unreaped, pid)
		}
	}
	return s.hasChildren()
}

// isLast tells whether nobody else is known who could be our child, where that
// should be known.
func (s *Supervisor) isLast(p *process) bool {
	return s.ladder.conn != nil && len(s.procs) == 1 && s.procs[p.pid] == p && !s.mixed && !s.early.waiting()
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
	if exit, err := s.endOf(p.pidfd); err == nil {
		s.buryChild(p, exit)
		return
	}
	s.buryUnreaped(p)
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

// bury takes a dead process out of the forest.
func (s *Supervisor) bury(p *process, exit service.Exit) {
	if p.foreign {
		s.findOrphans(p)
	}
	delete(s.procs, p.pid)
	s.buried, s.ladder.changed = true, true
	// This comes first, for it may start the successor on the other thread.
	s.tell(p.unit, service.Exited{PID: p.pid, Exit: exit, Reaper: s.reaper(p)})
	s.forget(p)
	s.park(p)
	if p.dead {
		s.check(s.timers.Clear(deadline{dead: p}))
	}
	if p.pidfd >= 0 {
		s.check(s.closeFD(p.pidfd))
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
		if p := s.procs[pid]; p != nil {
			return s.unpark(p) // its pidfd tells, in the next turn
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
