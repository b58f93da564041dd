package settle

import (
	"fmt"
	"slices"
)

// What is told is compared with what the kernel knows.

// real returns which process one of the table really is, nil if that can't be told.
func (s *sim) real(p *Process) *proc {
	if p.FD < 0 || !p.lives() && p.Born != 0 && s.k.of(p.FD).stamp != p.Born { // it was dead, and its pid another's, before that could be told
		all := slices.Concat(s.k.procs[:], s.k.heard, s.k.owed, s.k.faint)
		i := slices.IndexFunc(all, func(q *proc) bool { return q != nil && q.pid == p.PID && p.Born != 0 && q.stamp == p.Born })
		if i < 0 {
			i = slices.IndexFunc(all, func(q *proc) bool { return q != nil && q.pid == p.PID && p.Start != 0 && q.start == p.Start })
		}
		if i < 0 && p.Born == 0 && p.Start == 0 {
			i = slices.IndexFunc(all, func(q *proc) bool { return q != nil && q.pid == p.PID }) // it is known by its pid alone
		}
		if i < 0 {
			return nil
		}
		return all[i]
	}
	q := s.k.of(p.FD)
	switch {
	case q.pid != p.PID:
		fail("%v has the pidfd of %v", p, q)
	case s.k.dim && (p.Born != 0 && p.Born != q.stamp || p.Start != 0 && p.Start != q.start):
		panic(beyond("what /proc does not tell, another process was taken for this one"))
	case p.Born != 0 && p.Born != q.stamp:
		fail("%v was born at %d, and has the pidfd of %v, born at %d", p, p.Born, q, q.stamp)
	case p.Start != 0 && p.Start != q.start:
		fail("%v started at %d, and has the pidfd of %v, started at %d", p, p.Start, q, q.start)
	}
	return q
}

// known returns the process that a service knows by a pid.
func (s *sim) known(u Unit, pid int) *proc {
	for _, p := range s.k.heard {
		if p.unit == u && p.pid == pid {
			return p
		}
	}
	return nil
}

// hear takes what a service is told.
func (s *sim) hear(e Event) {
	s.log("=> %v", e)
	switch e.What {
	case Resynced:
		s.resynced++
	case Adopted:
		s.adopted[e.Unit] = true
	case Spawned, Forked:
		s.hearBirth(e.What, e.Unit, e.P, e.Parent)
	case Execed, Looked:
		s.hearExec(e)
	case Died:
		s.hearDeath(e)
		if e.Next != nil {
			s.hearBirth(Forked, e.Unit, e.Next, e.Parent)
		}
	}
}

func (e Event) String() string {
	what := [...]string{"spawned", "forked", "execed", "looked", "died", "adopted", "resynced"}[e.What]
	if e.What == Resynced {
		return what
	}
	text := fmt.Sprintf("%d %s", e.Unit, what)
	if e.P != nil {
		text += fmt.Sprint(" ", e.P.PID)
	}
	switch {
	case e.What == Died && e.Exit.Known:
		text += fmt.Sprintf(" (%d)", e.Exit.Code)
	case e.What == Forked && e.Parent != 0:
		text += fmt.Sprintf("<%d", e.Parent)
	}
	if e.Reaper != 0 {
		text += fmt.Sprintf(", its children are %d's", e.Reaper)
	}
	if e.Next != nil {
		text += fmt.Sprintf(", next forked %d<%d", e.Next.PID, e.Parent)
	}
	return text
}

func (s *sim) hearBirth(what What, u Unit, q *Process, parent int) {
	k := s.k
	p := s.real(q)
	switch {
	case p == nil && (k.lossy || k.dim):
		panic(beyond("a child was told of a process whose birth is lost, and is taken for a child of the one before it"))
	case p == nil:
		fail("%v is told, and is no process at all", q)
	case p.unit != u:
		fail("%v is told as of unit %d, and is %v", q, u, p)
	case slices.Contains(k.heard, p) || p.over:
		fail("%v is told twice", p)
	case s.known(u, p.pid) != nil:
		fail("%v is told before the end of %v", p, s.known(u, p.pid))
	case p.failed:
		fail("%v is told, and its start has failed", p)
	case p.program && what != Spawned && q.Born != 0 && !s.resumes(u):
		fail("%v is the program of a start, and is told as forked", p)
	case !p.program && what == Spawned:
		fail("%v is told as a start's program", p)
	}
	s.checkParent(p, u, parent, q.found)
	k.owed = slices.DeleteFunc(slices.Clone(k.owed), func(q *proc) bool { return q == p })
	k.heard = append(slices.Clip(k.heard), p)
}

func (s *sim) resumes(u Unit) bool { return s.adopted[u] || s.t.adopting[u] != nil }

// checkParent makes sure that the parent that is told is above a process.
func (s *sim) checkParent(p *proc, u Unit, parent int, found bool) {
	up := s.known(u, parent)
	switch {
	case parent != 0 && up == nil:
		fail("%v is told as a child of %d, and that is unknown to the service", p, parent)
	case parent != 0 && !p.isBelow(up):
		fail("%v is told as a child of %v", p, up)
	case s.isExact() && !found && slices.Contains(s.k.heard, p.bornTo) && up != p.bornTo:
		fail("%v is told as a child of %d, and was born to %v", p, parent, p.bornTo)
	}
}

// isBelow reports whether up is above p, by their births.
func (p *proc) isBelow(up *proc) bool {
	for q := p.bornTo; q != nil; q = q.bornTo {
		if q == up {
			return true
		}
	}
	return false
}

// isExact reports whether nothing was lost, so that all must be told as it was.
func (s *sim) isExact() bool { return s.k.step.policy().Exact && !s.k.lossy && !s.k.dim }

func (s *sim) hearExec(e Event) {
	p := s.real(e.P)
	switch {
	case p == nil || p.unit != e.Unit || s.known(e.Unit, p.pid) != p:
		fail("an exec of %v is told, and that is %v", e.P, p)
	case e.What == Execed && !p.execed:
		fail("an exec of %v is told, and it has not exec'ed", p)
	}
}

func (s *sim) hearDeath(e Event) {
	k := s.k
	p := s.real(e.P)
	if p == nil {
		p = s.known(e.Unit, e.P.PID) // it was written down
	}
	i := slices.Index(k.heard, p)
	switch {
	case p == nil || i < 0 || p.unit != e.Unit:
		fail("the end of %v is told to unit %d, and that is %v", e.P, e.Unit, p)
	case !p.dead:
		fail("the end of %v is told, and it lives", p)
	case e.Exit.Known && e.Exit != p.exit() && k.lossy && s.lenient: // the exit of a stranger that had its pid is read after a look has found it
		panic(beyond("an exit is told of another process"))
	case e.Exit.Known && e.Exit != p.exit():
		fail("%v has ended with %+v, and %+v is told", p, p.exit(), e.Exit)
	}
	p.over = true
	k.heard = slices.Delete(slices.Clone(k.heard), i, i+1)
	s.checkOrphans(e, p)
}

// checkOrphans looks at the children of a process that has died: those that ended before are told
// of, and it is known where the others are.
func (s *sim) checkOrphans(e Event, p *proc) {
	var reaper *proc
	if e.Reaper != 0 {
		if reaper = s.known(e.Unit, e.Reaper); reaper == nil {
			fail("the children of %v are said to be %d's, which is unknown to the service", p, e.Reaper)
		}
	}
	for _, c := range s.k.heard {
		switch {
		case c.bornTo != p || e.Next != nil && s.real(e.Next) == c:
		case c.dead && c.end < p.end && !c.traced && s.isExact() && !s.resumes(e.Unit) && s.wasTold(c):
			fail("the end of %v is told before that of its child %v, which ended before", p, c)
		case !c.dead && s.isExact() && s.heirOf(p) != reaper && !c.unborn:
			fail("the children of %v are told to be %d's, and are %v's", p, e.Reaper, s.heirOf(p))
		}
	}
	if i := slices.IndexFunc(s.k.owed, func(c *proc) bool { return c.bornTo == p && c.unit == e.Unit }); i >= 0 && s.isExact() {
		if c := s.k.owed[i]; e.Next == nil || s.real(e.Next) != c {
			fail("the end of %v is told before the birth of its child %v", p, c)
		}
	}
}

// wasTold reports whether the end of a process is one that its parent waits for.
func (s *sim) wasTold(c *proc) bool {
	for _, p := range s.everyone() {
		if p.FD >= 0 && s.k.of(p.FD) == c {
			return !p.held
		}
	}
	p := s.t.Process(c.pid)
	return p == nil || p.Life != Unopened
}

// heirOf returns the process of a service that has the children of p now, nil if that is of none.
func (s *sim) heirOf(p *proc) *proc {
	up := p.heir
	for up != nil && up.dead {
		up = up.heir
	}
	if up != nil && s.known(p.unit, up.pid) == up {
		return up
	}
	return nil
}

// checkFiles makes sure that each descriptor is that of the process that has it.
func (s *sim) checkFiles() {
	held := map[int]bool{}
	for _, p := range s.everyone() {
		if p.FD < 0 {
			continue
		}
		s.real(p)
		if held[p.FD] {
			fail("descriptor %d is held twice", p.FD)
		}
		held[p.FD] = true
	}
	for _, r := range s.starts {
		if r.p != nil && r.fd >= 0 {
			held[r.fd] = true
		}
	}
	for _, r := range s.results {
		if r.p != nil {
			held[r.fd] = true
		}
	}
	for _, o := range s.ops {
		if o.look.FD > 0 || o.do == doStat || o.do == doLooked {
			held[o.look.FD] = true
		}
		if o.start != nil && o.start.p != nil {
			held[o.start.fd] = true
		}
		if o.do == doAnswer && (o.q.Ask == Close || o.q.Ask == Reap) {
			held[o.q.FD] = true
		}
	}
	for fd, f := range s.k.files {
		if f.p != nil && !held[fd] {
			fail("descriptor %d, of %v, is held by nothing", fd, f.p)
		}
	}
}

// checkRest makes sure that all is known when there is nothing left to be done.
func (s *sim) checkRest() {
	k := s.k
	if !s.t.IsCalm() {
		fail("at rest, something is half done: %d dead, %d untold, %d starts, looking %v, loss %+v, searches %d, adopting %d\n%s",
			len(s.t.dead), len(s.t.untold), len(s.t.starts), s.t.isLooking(), s.t.loss, len(s.t.searches), len(s.t.adopting), s.t)
	}
	for _, p := range k.procs {
		if p == nil || p == k.init || p == k.self {
			continue
		}
		q := s.t.Process(p.pid)
		switch {
		case p.dead && p.parent == k.self:
			fail("a zombie is left: %v", p)
		case !p.dead && p.unit > 0 && s.isFollowed(p):
			s.checkLiving(p, q)
		}
	}
	for _, p := range s.everyone() {
		of := s.real(p)
		switch {
		case p.Unit == Unclaimed || of == nil || of.dead:
			fail("at rest, %v is kept; it is %v", p, of)
		case p.Unit > 0 && p.Unit != of.unit:
			fail("at rest, %v is thought to be of unit %d; it is %v", p, p.Unit, of)
		}
	}
	for _, p := range k.heard {
		if p.dead {
			fail("the end of %v was not told", p)
		}
	}
	if s.isExact() && len(k.owed) > 0 {
		fail("the birth of %v was not told", k.owed[0])
	}
	s.checkFiles()
}

// isFollowed reports whether a process must be known by now.
func (s *sim) isFollowed(p *proc) bool {
	for q := p; q != s.k.self; q = q.parent {
		if q == nil || q == s.k.init {
			return false
		}
		if s.k.dim && s.k.step != kernelSet && (s.k.step != allEvents || s.k.lossy) {
			return false
		}
	}
	return true
}

func (s *sim) checkLiving(p *proc, q *Process) {
	switch {
	case q == nil && s.k.lossy && s.lenient: // see testdata/open-look-with-a-pid-reused.txt
		panic(beyond("a look has passed over a process, for the one that had its pid before was not known to have ended"))
	case q == nil:
		fail("at rest, %v is not followed", p)
	case q.Life != Alive || q.FD < 0:
		fail("at rest, %v of %v has no descriptor", q, p)
	case s.real(q) != p:
		fail("at rest, %v is thought to be %v", p, q)
	case q.Unit != p.unit:
		fail("at rest, %v is thought to be of unit %d", p, q.Unit)
	case !slices.Contains(s.k.heard, p):
		fail("at rest, %v was not told", p)
	}
}
