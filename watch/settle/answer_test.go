package settle

import "slices"

// answer is Host.answer. What reads more than one thing goes on in steps of its own.
func (s *sim) answer(q Question) {
	if q.P != nil {
		s.log("asked %v %v", q.Ask, q.P)
	} else {
		s.log("asked %v", q.Ask)
	}
	switch q.Ask {
	case Drain:
		s.beginReading()
	case Open:
		s.open(op{q: q})
	case Await:
		s.await(q.P)
	case End:
		s.t.Over(q.P, s.endingOf(q.P))
	case Check:
		if s.hasEnded(q.P) {
			s.t.Stirred(q.P)
		}
	case NewParent:
		s.t.Reparented(q.P, s.parentOf(q.Child.PID))
	case Children:
		s.children(q)
	case Others:
		if s.hasChildren() {
			s.t.Some()
		}
	case Owner:
		u, parked := s.owner(q.P)
		s.t.Owned(q.P, u, parked)
	case List:
		s.list(q.All)
	case Replay:
		s.replay()
	case Marks:
		s.next(op{do: doMark, q: q, pids: s.living()})
	case Wait:
		s.timers = append(s.timers, q.P)
	case Unwatch:
		s.unwatch(q.P)
	case Bury:
		s.forget(q.P) // MENDED: Host.giveBack does it when all is settled; a replay before that tells of the birth once more
		s.buried = append(s.buried, q.P)
	case Close:
		s.k.close(q.FD)
	case Reap:
		s.reap(q.FD)
	}
}

// open opens a process by its pid; then /proc is read, then whether it has ended.
func (s *sim) open(o op) {
	k := s.k
	o.do, o.look = doStat, Look{Result: Opening, FD: -1, At: k.tick()}
	switch p := k.procs[o.q.P.PID]; {
	case k.refuse:
		k.refuse, s.blind = false, true
		o.look.Result = Refused
	case p == nil:
		s.log("  none")
		s.t.Opened(o.q.P, Look{FD: -1})
		return
	default:
		o.look.FD, o.look.Inode = k.open(p), k.inodeOf(p)
	}
	s.next(o)
}

func (s *sim) stat(o op) {
	l := &o.look
	if p := s.k.stat(o.q.P.PID); p != nil {
		l.Known, l.Start, l.Zombie = true, p.start, p.dead
		l.Parent = s.knownParent(p)
		if up := o.q.P.Up(); up != nil && l.Parent != up.PID && s.hasEnded(up) {
			s.t.Stirred(up)
		}
	}
	o.do = doLooked
	s.next(o)
}

func (s *sim) looked(o op) {
	l := &o.look
	if l.FD >= 0 {
		l.Dead = s.k.of(l.FD).dead
	}
	if l.Dead && !l.Zombie && (l.Known || s.k.procs[o.q.P.PID] == nil) && o.tries < 4 {
		s.k.close(l.FD)
		s.open(op{q: o.q, tries: o.tries + 1})
		return
	}
	s.log("  %+v", *l)
	s.t.Opened(o.q.P, *l)
}

func (s *sim) knownParent(p *proc) int {
	up := s.t.Process(p.parent.pid)
	if p.parent == s.k.self || up != nil && !s.hasEnded(up) && up.Life <= Alive {
		return p.parent.pid
	}
	return 0
}

func (s *sim) parentOf(pid int) int {
	if p := s.k.stat(pid); p != nil {
		return p.parent.pid
	}
	return 0
}

func (s *sim) await(p *Process) {
	if s.unwatched {
		s.unwatched, s.blind = false, true
		s.k.close(p.FD)
		s.t.Unwatched(p)
		return
	}
	of := s.k.of(p.FD)
	s.k.files[p.FD].awaited, s.k.files[p.FD].stirred = true, of.dead
}

func (s *sim) endingOf(p *Process) Ending {
	of := s.k.of(p.FD)
	switch {
	case of.reaped && s.k.tells:
		return Ending{Exit: of.exit()}
	case of.parent != s.k.self:
		return Ending{}
	case !of.dead || of.traced:
		return Ending{Result: Held}
	}
	s.k.reap(of)
	return Ending{Result: Reaped, Exit: of.exit()}
}

// children reads a children file; whether the process has ended is asked after that.
func (s *sim) children(q Question) {
	pid := selfPID
	if q.P != nil {
		pid = q.P.PID
	}
	s.next(op{do: doList, q: q, pids: s.k.childrenOf(pid)})
}

func (s *sim) listed(o op) {
	if o.q.P != nil && s.hasEnded(o.q.P) {
		o.pids = nil
	}
	s.log("  %v", o.pids)
	s.t.Listed(o.q.P, o.pids)
}

func (s *sim) hasChildren() bool {
	return slices.ContainsFunc(s.k.procs[:], func(p *proc) bool { return p != nil && p.parent == s.k.self })
}

// owner is Host.owner, where there are several services.
func (s *sim) owner(p *Process) (u Unit, parked bool) {
	of := s.k.procs[p.PID]
	if s.hasEnded(p) {
		s.t.Stirred(p)
	}
	meant := s.holdsPID(p)
	if p.Life == Unopened {
		meant = of != nil && p.IsStarted(of.start)
	}
	if !meant {
		return Unclaimed, p.FD < 0 && len(s.t.starts) > 0
	}
	switch leads := of == nil || of.session == of.pid || of.session == 0; {
	case !leads:
		u = s.inSession(p, of.session)
	case len(s.t.starts) > 0:
		parked = true
	}
	if u == Unclaimed {
		u = s.marks(p, of)
	}
	if u > Unclaimed {
		return u, s.t.starts[u]
	}
	return u, parked
}

func (s *sim) inSession(p *Process, session int) Unit {
	for _, q := range s.t.All() {
		of := s.k.procs[q.PID]
		if q != p && q.Unit > Unclaimed && q.Life == Alive && of != nil && of.session == session && !s.hasEnded(q) {
			return q.Unit
		}
	}
	return Unclaimed
}

func (s *sim) marks(p *Process, of *proc) Unit {
	switch {
	case of != nil && !of.dead && !of.secret && of.unit > 0:
		return of.unit
	case s.hasEnded(p), of != nil && of.dead: // MENDED: Host.marks takes a zombie without a descriptor for a stranger
		return Unclaimed
	}
	return Stranger
}

func (s *sim) list(all []*Process) {
	s.renew()
	if s.k.step == socketFilter {
		s.t.Fresh(all)
		return
	}
	var fresh []*Process
	for _, p := range all {
		if p.Born != 0 && s.filled {
			continue // the kernel has put it there
		}
		b, in := s.k.set[p.PID]
		if !in {
			s.k.set[p.PID] = b
		}
		if s.added[p] = b.at; b.at == 0 {
			fresh = append(fresh, p)
		}
	}
	s.filled = true
	s.t.Fresh(fresh)
}

func (s *sim) replay() {
	for _, pid := range s.births() {
		switch b := s.k.set[pid]; {
		case pid == selfPID || b.at == 0:
		default:
			s.bornTo(b.parent, pid, b.at, true)
		}
	}
	s.t.Replayed()
}

// reap is Host.reapBuried.
func (s *sim) reap(fd int) {
	p := s.k.of(fd)
	if p.parent == s.k.self && p.dead && !p.traced {
		if slices.Contains(s.k.heard, p) {
			fail("%v is reaped, and its end was not told", p)
		}
		s.k.reap(p)
	}
	s.k.close(fd)
}
