package watch

import (
	"cmp"
	"maps"
	"slices"
)

// On TrackSocketFilter the kernel passes what is about processes on a list. It
// is ours to keep up, and what a process does before it is on the list is not
// told.

// passing are those that the filter is to pass.
func (s *Supervisor) passing() []int {
	pids := make([]int, 0, len(s.procs)+1)
	for pid := range s.procs {
		pids = append(pids, pid)
	}
	return append(pids, s.pid)
}

// refilter brings the list up to date, and looks for what the new ones have
// done before, until there are no new ones; or as often as a turn has time for.
func (s *Supervisor) refilter() error {
	l := &s.ladder
	for range maxPasses {
		if !l.changed {
			return nil
		}
		fresh := l.fresh
		l.changed, l.fresh = false, nil
		if err := l.conn.Filter(s.passing()); err != nil {
			return err
		}
		s.lookBelow(fresh)
	}
	return nil
}

// lookBelow finds who was born below new processes, and what these run now.
// An orphan is with somebody above its parent, so who is above is read later,
// and we are the last.
func (s *Supervisor) lookBelow(fresh []*process) {
	depth := map[int]int{s.pid: 0}
	for _, p := range fresh {
		if s.procs[p.pid] != p {
			continue
		}
		if p.pidfd >= 0 && !s.belongs(p) {
			s.measure(s.above(p.pid), depth) // who may have its children now
			s.bury(p, p.exit)                // it was gone, and its pid given away: that birth no filter has passed
			continue
		}
		s.lookAt(p)
		s.measure(p.pid, depth)
	}
	byDepth := func(a, b int) int { return cmp.Or(depth[b]-depth[a], a-b) }
	for _, pid := range slices.SortedFunc(maps.Keys(depth), byDepth) {
		for _, child := range s.allChildrenOf(pid) {
			if s.procs[child] != nil || s.strangers[child] || s.discover(pid, child) {
				continue
			}
			if up := s.procs[pid]; up != nil && up.foreign && slices.Contains(fresh, up) {
				s.adoptMarked(up.unit) // the child is dead, and may have left somebody to init
			}
		}
	}
}

// measure notes how deep below us a process is, and all that are above it.
func (s *Supervisor) measure(pid int, depth map[int]int) int {
	d, known := depth[pid]
	if !known {
		d = s.measure(s.above(pid), depth) + 1
		depth[pid] = d
	}
	return d
}

// above is the parent of a process of the forest; ours is ourselves.
func (s *Supervisor) above(pid int) int {
	if p := s.procs[pid]; p != nil {
		if parent := p.unit.machine.Parent(pid); parent != 0 {
			return parent
		}
	}
	return s.pid
}
