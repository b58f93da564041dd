package settle

import "slices"

// Stirred says that the pidfd of a process has become readable, or that something has
// changed about a process of which that is so already: it came to us, its tracer has let
// it go, or it was reaped.
func (t *Table) Stirred(p *Process) {
	switch {
	case t.died(p):
	case p.Life == Mute, p.Life == Drained && p.held:
		p.held = false
		t.askEnd(p)
	}
}

// tellBirths tells the services of their new processes, parents before their children; it
// reports whether there was one.
func (t *Table) tellBirths() bool {
	before := len(t.untold)
	rest := t.untold[:0]
	for _, p := range t.untold {
		if !t.tellBirth(p) {
			rest = append(rest, p)
		}
	}
	clear(t.untold[len(rest):])
	t.untold = rest
	return len(rest) < before
}

// tellBirth reports whether p's service knows of p now, or never will.
func (t *Table) tellBirth(p *Process) bool {
	switch {
	case p.Life == Buried:
		return true
	case p.Unit == Unclaimed, p.Life == Told, p.parent != nil && !p.parent.told:
		return false
	case p.Unit == Stranger || p.told:
	case t.isLost(p), p.predecessor() != nil:
		return false // it is told with the death of the other one
	default:
		t.tell(t.birth(p))
	}
	t.wasTold(p)
	return true
}

func (t *Table) birth(p *Process) Event {
	e := Event{What: Forked, Unit: p.Unit, P: p, Parent: p.Parent()}
	if p.started {
		e.What = Spawned
	}
	return e
}

// wasTold goes on when p's service knows of it: what it has exec'ed can be told.
func (t *Table) wasTold(p *Process) {
	p.told = true
	p.obscure = p.obscure || p.parent != nil && p.parent.unread
	p.unread = p.unread || p.obscure && !p.lives()
	switch {
	case p.Unit == Stranger || !p.lives() && !p.execed:
	case p.execed && !p.started: // the first exec of a program that was started is that of the start
		t.tell(Event{What: Execed, Unit: p.Unit, P: p})
	case p.execed, p.obscure:
		t.tellLook(p)
	}
	p.execed, p.obscure = false, false
}

// tellLook has a service look at what p runs. It may have exec'ed after the births that are not told yet.
func (t *Table) tellLook(p *Process) {
	t.tell(Event{What: Looked, Unit: p.Unit, P: p})
	for _, c := range p.children {
		c.obscure = c.obscure || !c.told
	}
}

// tellDeaths takes each dead process a step further; it reports whether it has come further
// with any.
func (t *Table) tellDeaths() bool {
	further := false
	for _, p := range slices.Clone(t.dead) {
		further = t.settleDeath(p) || further
	}
	if further {
		t.dead = slices.DeleteFunc(t.dead, func(p *Process) bool { return p.Life == Buried })
	}
	return further
}

// maxHeld bounds how many dead are kept until what was lost is known again: in a storm that takes
// long. With more of them their deaths are told, and their children are found as orphans.
const maxHeld = 1024

// settleDeath reports whether it has come further with a dead process, by a question or by
// its burial.
func (t *Table) settleDeath(p *Process) bool {
	switch {
	case p.parked, p.unsure: // as long as it is a zombie, it has its pid
		return false
	case p.Life == Drained && p.FD < 0:
		p.to(Ended)
		return true
	case p.Life == Drained && !p.held && !p.askedEnd:
		t.askEnd(p)
		return true
	case p.Life != Ended || t.loss.is && len(t.dead) < maxHeld:
		return false
	case p.Unit == Unclaimed:
		return t.giveUp(p)
	case p.Unit == Stranger:
		t.bury(p, nil)
		return true
	case !p.told, t.adopting[p.Unit] != nil, t.holdsBack(p.Unit):
		return false
	}
	asked, waits := t.askChildren(p)
	if asked || waits {
		return asked
	}
	if asked, waits = t.askLook(p); asked || waits {
		return asked
	}
	if len(p.children) > 0 && !p.placed && (!p.isTop() || p.Foreign) {
		t.ask(Question{Ask: NewParent, P: p, Child: p.livingChild()})
		p.placed = true
		return true
	}
	t.tellDeath(p)
	return true
}

func (t *Table) askEnd(p *Process) {
	p.askedEnd = true
	t.ask(Question{Ask: End, P: p})
}

// Over says how a process has ended.
func (t *Table) Over(p *Process, e Ending) {
	p.askedEnd = false
	switch {
	case p.Life != Drained && p.Life != Mute:
	case e.Result == Held:
		p.held = true
	case e.Result == Reaped:
		p.reaped, p.exit = true, e.Exit
		p.to(Ended)
	case e.Exit.Known:
		p.exit = e.Exit
		p.to(Ended)
	case p.exit.Known, p.impatient:
		t.unreaped[p.PID] = true
		t.boundUnreaped()
		p.to(Ended)
	case p.Life == Drained:
		p.to(Mute)
		t.ask(Question{Ask: Wait, P: p})
	}
}

// maxUnreaped bounds how many are remembered: a parent may never reap.
const maxUnreaped = 4096

func (t *Table) boundUnreaped() {
	if len(t.unreaped) > maxUnreaped {
		clear(t.unreaped) // at the price of births and deaths that are told twice
	}
}

// Impatient says that the time is over in which something could tell how a process ended.
func (t *Table) Impatient(p *Process) {
	if p.Life == Mute {
		p.impatient = true
		t.askEnd(p)
	}
}

// askChildren is for the children of a dead process: those that have ended as well come
// before it. It reports whether a question was asked, and whether p waits for one of them.
func (t *Table) askChildren(p *Process) (asked, waits bool) {
	for _, c := range p.children {
		switch {
		case c.Life == Alive && !c.checked:
			c.checked, asked = true, true
			t.ask(Question{Ask: Check, P: c})
		case c.Life == Mute && !c.impatient:
			asked = true // the one that could still tell has ended
			t.Impatient(c)
		case c.Life == Told, c.told && !c.lives() && !c.held:
			waits = true
		}
	}
	return asked, waits
}

// askLook is for a process whose orphans are our children, for no other one of its service is
// above it, or init's. They are looked for before its death is told.
func (t *Table) askLook(p *Process) (asked, waits bool) {
	switch {
	case p.Foreign:
		return t.askMarks(p)
	case !p.isTop():
		return false, false
	case t.isOpen():
		return false, true // a child of ours may be its heir
	case p.searched:
		return false, t.isLooking()
	}
	p.searched = true
	if t.policy.Told {
		t.ask(Question{Ask: Others})
	} else {
		t.LookAround()
	}
	return true, true
}

// Some says that we have a child, dead or alive, that is not reaped.
func (t *Table) Some() { t.look.us = true }

// Reparented says which process has the children of a dead process now: the pid of a process, which
// need not be of the table.
func (t *Table) Reparented(p *Process, pid int) {
	if up := t.byPID[pid]; up != nil && up.lives() && !up.isBelow(p) {
		p.reaper = up
	}
}

// livingChild returns a child of p that lives, if there is one, else any.
func (p *Process) livingChild() *Process {
	for _, c := range p.children {
		if c.lives() {
			return c
		}
	}
	return p.children[0]
}

// tellDeath tells a service of a death, and of the birth of the process that has its pid now.
func (t *Table) tellDeath(p *Process) {
	reaper := p.reaper
	if reaper != nil && !reaper.lives() {
		reaper = nil
	}
	e := Event{What: Died, Unit: p.Unit, P: p, Exit: p.exit}
	if reaper != nil {
		e.Reaper = reaper.PID
	}
	next := t.successor(p)
	if next != nil {
		e.Next, e.Parent = next, next.Parent()
	}
	if t.tell(e); next != nil {
		t.wasTold(next)
	}
	t.bury(p, reaper)
}

// predecessor returns the process that had p's pid before, if p's service has still to hear of its
// death, or may have.
func (p *Process) predecessor() *Process {
	for q := p.former; q != nil; q = q.former {
		if (q.Unit == p.Unit || q.Unit == Unclaimed) && q.Life != Buried {
			return q
		}
	}
	return nil
}

// successor returns the process that has had a dead process's pid after it, if its service is to
// hear of it with that death.
func (t *Table) successor(p *Process) *Process {
	i := slices.IndexFunc(t.untold, func(q *Process) bool {
		return q.PID == p.PID && q.Life != Buried && !q.started && q.predecessor() == p
	})
	if i < 0 {
		return nil
	}
	return t.untold[i]
}

// bury takes a dead process out of the table.
func (t *Table) bury(p, reaper *Process) {
	p.to(Buried)
	for _, c := range slices.Clone(p.children) {
		c.hang(reaper)
		c.checked = false
		if !t.policy.Told && c.told && c.lives() && c.isTop() && c.Unit != Stranger {
			t.tellLook(c) // it counts now what it runs
		}
		c.obscure = c.obscure || !c.told // its service does not hear of the parent that it has its program from
	}
	p.hang(nil)
	t.leave(p)
	t.ask(Question{Ask: Bury, P: p})
}

// leave takes a process out of the table. The one that had its pid before may have to be told of
// still.
func (t *Table) leave(p *Process) {
	for p.former != nil && p.former.Life == Buried {
		p.former = p.former.former
	}
	switch {
	case t.byPID[p.PID] != p:
	case p.former != nil:
		t.byPID[p.PID] = p.former
	default:
		delete(t.byPID, p.PID)
	}
}

// giveUp is for a dead process of which it is not known of which service it was. That is
// told by a child of it that lives, if at all.
func (t *Table) giveUp(p *Process) bool {
	if top := p.top(); top.parked || top.unsure || slices.ContainsFunc(p.children, (*Process).lives) {
		return false
	}
	p.Unit = Stranger
	if !t.policy.Exact { // it may have been of any service, and have left a child to us
		t.LookAround()
	}
	return true
}
