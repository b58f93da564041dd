package watch

import (
	"errors"
	"slices"
	"time"

	"respawner/watch/service"
)

// scanAll scans until twice nobody new was found, or often enough: while a scan
// goes from the top down, an orphan can come up behind it.
func (s *Supervisor) scanAll() error {
	var err error
	for pass, quiet := 0, 0; pass < maxPasses && quiet < 2; pass++ {
		before := s.entered
		err = s.scan()
		for _, u := range s.units {
			if s.hasForeign(u) {
				s.adoptMarked(u) // an orphan of theirs is below nobody who is known
			}
		}
		if err != nil {
			break
		}
		if quiet++; s.entered != before {
			quiet = 0
		}
	}
	return err
}

// maxPasses bounds what is repeated because births come faster than it takes.
const maxPasses = 8

// scan finds by the children files who is below us and not known yet: after
// births were not told, and always where there is no connector. Parents come
// before their children.
//
// The error is one of putting a process into the kernel's set.
func (s *Supervisor) scan() (err error) {
	for queue := s.tops(); len(queue) > 0; queue = queue[1:] {
		parent := queue[0]
		for _, child := range s.childrenOf(parent) {
			former := s.setAside(child)
			if s.procs[child] == nil && !s.strangers[child] {
				if s.discover(parent, child) {
					err = errors.Join(err, s.join(s.procs[child]))
				} else if s.strangers[child] && s.isZombie(child) { // it can't be told whose it was: its children may be ours by now
					queue = append(queue, s.pid)
				}
			}
			s.buryAside(former)
			p := s.procs[child]
			if p == nil || s.hasEnded(p) {
				continue // the dead have no children
			}
			if parent == s.pid {
				s.lookAtRoot(p)
			}
			queue = append(queue, child)
		}
	}
	return err
}

// setAside takes a process out of the table whose pid a look around has come by
// and that is another's by now. It is buried when it is known whether that one is
// of the service as well: before, its death could look like that of the last one.
func (s *Supervisor) setAside(pid int) *process {
	p := s.procs[pid]
	if p == nil || p.ending || !s.hasEnded(p) {
		return nil
	}
	if stat, err := s.statOf(pid); err != nil || stat.state == "Z" {
		return nil
	}
	p.ending = true
	delete(s.procs, pid)
	return p
}

// buryAside buries whom setAside has returned.
func (s *Supervisor) buryAside(p *process) {
	if p != nil {
		p.ending = false
		s.bury(p, p.exit)
	}
}

// tops are who has nobody above that a scan would come by: we, and those that
// a pidfile named though they don't descend from us.
func (s *Supervisor) tops() []int {
	tops := []int{s.pid}
	for _, p := range s.everybody() {
		if p.foreign {
			tops = append(tops, p.pid)
		}
	}
	return tops
}

// allChildrenOf reads the children file until it is twice the same: it may miss an
// entry while its siblings are reaped, and nobody would look there again.
func (s *Supervisor) allChildrenOf(pid int) []int {
	children := s.childrenOf(pid)
	for range maxPasses {
		before := children
		if children = s.childrenOf(pid); slices.Equal(before, children) {
			break
		}
	}
	return children
}

// noteStrangers remembers children that the process had before it became a
// supervisor (exec by a shell with jobs): they, and whom they fork, are
// nobody's service.
func (s *Supervisor) noteStrangers() {
	s.strangers = map[int]bool{}
	for _, pid := range s.childrenOf(s.pid) {
		s.strangers[pid], s.mixed = true, true
	}
}

// discover adds a process that a scan has found, and tells whether it did. One
// that is being started is left to the spawner to tell.
func (s *Supervisor) discover(parent, child int) bool {
	switch {
	case s.procs[parent] == nil && s.early.waiting():
		return false
	case s.procs[parent] != nil && s.isZombie(child):
		return false // dead, and not ours to reap
	}
	p := s.takeIn(parent, child, s.monotonic())
	if p == nil || p.pidfd < 0 {
		return p != nil
	}
	orphan := s.mixed && parent != s.pid && s.parentOf(child) == s.pid // or a stranger's
	if !s.isOurs(child) || orphan && s.owner(child) == nil {           // dead meanwhile, and its pid given away
		s.bury(p, service.Exit{})
		return false
	}
	p.since = s.monotonic()
	return true
}

// takeIn adds a process whose parent is of the forest, or ourselves. It
// returns nil for one that is of no service.
func (s *Supervisor) takeIn(parent, child int, at time.Duration) *process {
	if p := s.procs[parent]; p != nil {
		s.adopt(p.unit, parent, child, at)
	} else if u := s.owner(child); u != nil {
		s.adopt(u, 0, child, at)
	}
	return s.procs[child]
}

// lookAtRoot is for scans, which come often: it looks at a process when it has
// become a root, and as long as it is not settled who is main.
func (s *Supervisor) lookAtRoot(p *process) {
	if !p.looked || p.unit.machine.Settling() {
		s.lookAt(p)
	}
}

// lookAt finds out whether a process runs another program than is known, where
// its exec may not have been told.
func (s *Supervisor) lookAt(p *process) {
	p.looked = true
	if file := s.fileOf(p.pid); file != "" && file != p.unit.machine.Program(p.pid).File {
		s.ranProgram(p)
	}
}

// lookAtAll is for when that is so of everybody.
func (s *Supervisor) lookAtAll() {
	for _, p := range s.everybody() {
		s.lookAt(p)
	}
}

// clearing tells whether a service is being ended.
func (s *Supervisor) clearing() bool {
	for _, u := range s.units {
		if state := u.machine.State(); state == service.Stopping || state == service.Backoff {
			return true
		}
	}
	return false
}

// lookAround finds out who is there, on the step that does so only when it
// matters: before a death is acted on, and before all are ended.
func (s *Supervisor) lookAround() {
	if s.ladder.step == TrackPidfile {
		s.check(s.scan())
	}
}
