package watch

import "respawner/watch/service"

// scan finds by the children files who is below us and not known yet: after
// the kernel had to drop events, and always where there is no connector.
// Parents come before their children.
func (s *Supervisor) scan() {
	strangers := map[int]bool{}
	for queue := []int{s.pid}; len(queue) > 0; queue = queue[1:] {
		parent := queue[0]
		for _, child := range childrenOf(parent) {
			switch {
			case s.strangers[child] || strangers[parent]:
				strangers[child] = true
			case s.procs[child] == nil && !s.discover(parent, child):
				continue
			case parent == s.pid:
				s.lookAt(s.procs[child])
			}
			queue = append(queue, child)
		}
	}
	s.strangers = strangers
}

// noteStrangers remembers children that the process had before it became a
// supervisor (exec by a shell with jobs): they, and whom they fork, are
// nobody's service.
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
	if parent != 0 && isZombie(child) {
		return false // dead, and not ours to reap
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

// lookAt finds out whether a root runs another program than its parent did:
// when it becomes one, and as long as it is not settled who is main.
func (s *Supervisor) lookAt(p *process) {
	if p.looked && p.unit.machine.State() != service.Starting {
		return
	}
	p.looked = true
	if program := programOf(p.pid); program.File != "" && program.File != p.unit.machine.Program(p.pid).File {
		s.tell(p.unit, service.Execed{PID: p.pid, Program: program})
	}
}
