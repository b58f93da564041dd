package watch

import "respawner/watch/service"

// scan finds by the children files who is below us and not known yet: after
// the kernel had to drop events, and always where there is no connector.
// Parents come before their children.
func (s *Supervisor) scan() {
	for queue := []int{s.pid}; len(queue) > 0; queue = queue[1:] {
		parent := queue[0]
		for _, child := range childrenOf(parent) {
			if s.procs[child] == nil && (s.strangers[child] || !s.discover(parent, child)) {
				continue
			}
			queue = append(queue, child)
			if parent == s.pid {
				s.lookAt(s.procs[child])
			}
		}
	}
}

// noteStrangers remembers children that the process had before it became a
// supervisor (exec by a shell with jobs): they are nobody's service.
func (s *Supervisor) noteStrangers() {
	s.strangers = map[int]bool{}
	for _, pid := range childrenOf(s.pid) {
		s.strangers[pid] = true
	}
}

// discover adds a process that a scan has found, and tells whether it did. One
// that is being started is left to the spawner to tell.
func (s *Supervisor) discover(parent, child int) bool {
	u := s.units[0]
	switch p := s.procs[parent]; {
	case p != nil:
		u = p.unit
	case s.early.waiting():
		return false
	default:
		parent = 0
	}
	s.adopt(u, parent, child, monotonic())
	p := s.procs[child]
	if p.pidfd < 0 {
		return true
	}
	if !s.isOurs(child) { // dead meanwhile, and its pid given away
		s.bury(p, service.Exit{})
		return false
	}
	p.since = monotonic()
	return true
}

// lookAt finds out whether a root runs another program by now.
func (s *Supervisor) lookAt(p *process) {
	if program := programOf(p.pid); program.File != "" && program != p.unit.machine.Program(p.pid) {
		s.tell(p.unit, service.Execed{PID: p.pid, Program: program})
	}
}
