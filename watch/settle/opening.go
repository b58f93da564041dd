package settle

// Opened says what came of opening a process.
func (t *Table) Opened(p *Process, l Look) {
	switch p.Life {
	case Sought:
		t.foundSought(p, l)
	case Told, Unopened:
		t.openedTold(p, l)
	default: // another fact has said meanwhile that it has ended
		t.close(l)
	}
}

func (t *Table) close(l Look) {
	if l.Result == Opening {
		t.ask(Question{Ask: Close, FD: l.FD})
	}
}

// openedTold is for a process of which the birth was told: it has ended if the process under
// its pid started later than that.
func (t *Table) openedTold(p *Process, l Look) {
	switch {
	case l.Result == Gone, p.isPassedBy(l):
		t.close(l)
		p.endedBy(l.Start)
		t.died(p)
	case p.Start == 0 && t.isOther(p, l):
		t.close(l)
		t.lookBelow(p.parent) // or it has ended, and has left children
		t.drop(p)
	case p.Start == 0 && p.Foreign && l.Known && l.Parent == 0 && (p.loose || p.parent != nil && !p.parent.canBeget(l)): // its mark tells whether it is
		t.close(l)
		t.died(p)
		p.by = unknowable
		t.searchMarks(p.Unit)
	case l.Result == Refused:
		p.refuse(l)
		t.checkParent(p, l)
	default:
		t.take(p, l)
		t.checkParent(p, l)
	}
	switch {
	case p.Unit != Unclaimed, p.Life == Buried:
	case p.vain && !p.lives():
		t.claim(p, Stranger)
	default:
		t.askOwner(p)
	}
}

// checkParent holds the parent that was told against what was found: that may be another process with the same
// pid, of which the birth was lost. Then p is below the parent that it has now; if that is us, it is found out
// anew of which service it is.
func (t *Table) checkParent(p *Process, l Look) {
	if p.told || !l.Known || p.isTop() || t.isParent(p.parent, p, l) {
		return
	}
	switch up := t.byPID[l.Parent]; {
	case up != nil && up.lives():
		p.hang(up)
		p.inherit(up.Unit, up.Foreign, up.parked)
	case l.Parent == t.self:
		p.hang(nil)
		p.inherit(Unclaimed, false, false)
	}
	p.obscure = true
}

// isParent reports whether up can be the parent by birth of the process p that was looked at: then p is its child as long
// as it lives, and after that the child of a process above it.
func (t *Table) isParent(up, p *Process, l Look) bool {
	now := t.byPID[l.Parent]
	switch {
	case l.Parent == 0:
		return true
	case !up.canBeget(l):
		return false
	case up.lives():
		return up == now
	case l.Parent == t.self:
		return !up.Foreign && (!p.loose || !p.late && up.isTop() && up.FD >= 0) // as a child of ours it had its pid until its end was known
	}
	return now == nil || !now.lives() || up.isBelow(now)
}

// canBeget reports whether a process that was looked at can be p's child: it started after p, and before p's end.
func (p *Process) canBeget(l Look) bool {
	return (p.Start == 0 || p.Start <= l.Start) && (p.over == 0 || l.Start <= p.over)
}

// inherit has p and all below it be of a service, of which they have not heard yet.
func (p *Process) inherit(u Unit, foreign, parked bool) {
	p.Unit, p.Foreign, p.parked = u, foreign, parked
	for _, c := range p.children {
		c.inherit(u, foreign, parked)
	}
}

// isPassedBy reports whether the process under p's pid is one that came after p.
func (p *Process) isPassedBy(l Look) bool {
	return l.Known && !p.IsStarted(l.Start) || p.Inode != 0 && l.Inode != 0 && p.Inode != l.Inode
}

// unknowable is a time at which no process started.
const unknowable = 1

// isOther reports whether the process that was opened is a stranger, the parent of which has the pid of a dead
// process of the table: its own parent is none of the table.
func (t *Table) isOther(p *Process, l Look) bool {
	return (p.loose || t.policy.Lists && !t.policy.Exact) && l.Known && l.Parent == 0 && !p.Foreign
}

// take gives a process the pidfd that was opened for it.
func (t *Table) take(p *Process, l Look) {
	p.opened, p.Inode, p.exit.Known = l.At, l.Inode, p.exit.Known && l.Dead
	if l.Known {
		p.Start = l.Start
	}
	t.setAlive(p, l.FD)
	if l.Dead {
		t.died(p)
	}
}

func (t *Table) setAlive(p *Process, fd int) {
	p.FD = fd
	p.to(Alive)
	t.ask(Question{Ask: Await, P: p})
}

// Unwatched says that the death of a process can't be told for now: it has no pidfd any more.
func (t *Table) Unwatched(p *Process) {
	if p.FD = -1; p.Life == Alive {
		p.to(Unopened)
	} else {
		t.unreaped[p.PID] = true // it may be our child
	}
}

func (p *Process) refuse(l Look) {
	if l.Known {
		p.Start = l.Start
	}
	if p.Life != Unopened {
		p.to(Unopened)
	}
}

// foundSought is for a process that is known by something other than its birth.
func (t *Table) foundSought(p *Process, l Look) {
	old := t.byPID[p.PID]
	if p.reason == byWait { // whatever /proc tells of it: it is a zombie of ours
		l.Parent, l.Zombie = t.self, true
	}
	switch {
	case !t.isSought(p, l):
		t.close(l)
		t.missed(p, l)
		return
	case old != nil && (old.Inode != 0 && old.Inode == l.Inode || !l.Known && old.lives() || l.Known && old.IsStarted(l.Start)):
		t.close(l) // it is known already
		return
	case old == nil && l.Zombie && t.unreaped[p.PID]: // it was buried when its parent had not reaped it
		if l.Result == Opening {
			delete(t.unreaped, p.PID)
			t.ask(Question{Ask: Reap, FD: l.FD})
			t.look.us = true // or it was another one with that pid, which has left its children to us
		}
		return
	case old != nil:
		t.supersede(old, l.Start)
	}
	parent := t.byPID[l.Parent]
	if parent != nil && !parent.lives() {
		parent = nil
	}
	t.enterSought(p, parent, l)
}

func (t *Table) enterSought(p *Process, parent *Process, l Look) {
	unit, foreign := p.Unit, p.Foreign
	p.obscure, p.found = true, true
	if t.enter(p, parent); unit != Unclaimed {
		p.Unit = unit
	}
	p.Foreign = p.Foreign || foreign || parent == nil && l.Parent != t.self
	p.told = p.reason == byRecord // by what was written down
	if l.Known {
		p.Start = l.Start
	}
	if l.Result == Refused {
		p.to(Unopened)
	} else {
		t.take(p, l)
	}
	t.lookBelow(p)
	if p.Unit == Unclaimed {
		t.askOwner(p)
	}
	if t.policy.Exact && (p.reason == byLook || p.reason == byHeir) && p.lives() && p.Unit != Stranger && !p.parked {
		t.Missed() // its birth should have been told
	}
}

// isSought reports whether the process that was opened is the one that is sought.
func (t *Table) isSought(p *Process, l Look) bool {
	switch {
	case p.reason == byWait && l.Result == Opening:
		return l.Dead
	case l.Result == Gone, !l.Known && p.reason != byRecord && p.reason != byLook:
		return false
	case p.reason == byRecord:
		return Record{p.PID, p.Start, p.Inode}.Is(l)
	case p.reason == byMark:
		return p.Start == l.Start && !l.Zombie
	case p.reason == bySet:
		return l.Start <= p.by && !l.Zombie
	case l.Zombie:
		return l.Parent == t.self
	}
	return l.Parent != 0
}

// missed is for a process that is not there, or not the one that is sought.
func (t *Table) missed(p *Process, l Look) {
	switch {
	case p.reason == byRecord:
		t.lostRecord(p)
	case p.reason == bySet && (l.Known || l.Result == Gone): // else the set tells of its birth again and again
		t.ask(Question{Ask: Bury, P: p})
	case p.reason != byLook, l.Zombie && t.unreaped[p.PID], !l.Known && l.Result != Gone: // it would be seen again
	default:
		t.missedByLook(p, l)
	}
}

// missedByLook is for a process that has ended after a look has found its pid. It may have left
// children to one that was read before.
func (t *Table) missedByLook(p *Process, l Look) {
	if l.Zombie {
		t.unreaped[p.PID] = true
	}
	t.lookBelow(p.via)
	if p.via != nil && p.via.Foreign { // or to init
		t.searchMarks(p.via.Unit)
	}
}

// drop takes a process out of the table that is none of ours.
func (t *Table) drop(p *Process) {
	if p.Life == Told || p.Life == Sought {
		p.to(Buried)
	}
	for _, c := range append([]*Process(nil), p.children...) {
		c.hang(p.parent)
	}
	p.hang(nil)
	t.leave(p)
}

// Retry asks again for all processes for which there was no descriptor.
func (t *Table) Retry() {
	for _, p := range t.All() {
		if p.Life == Unopened {
			t.ask(Question{Ask: Open, P: p})
		}
	}
}

// Unopened returns how many processes live without a descriptor.
func (t *Table) Unopened() (n int) {
	for _, p := range t.byPID {
		if p.Life == Unopened {
			n++
		}
	}
	return n
}

// askOwner asks of which service a process is that no service is known to have begotten.
func (t *Table) askOwner(p *Process) {
	top := p.top()
	if p.asked || p.parked || !p.lives() && p != top {
		return
	}
	p.asked, p.unsure = true, true
	t.ask(Question{Ask: Owner, P: p})
}

// Owned says of which service a process is: Unclaimed where that can't be told, for it has ended.
// parked says that it may be of a start under way.
func (t *Table) Owned(p *Process, u Unit, parked bool) {
	p.unsure = false
	top := p.top()
	switch {
	case top.Unit != Unclaimed, top.parked && u == Stranger: // what is above it waits for a start
	case parked:
		t.park(top)
	case u != Unclaimed:
		t.claim(top, u)
	}
}

func (t *Table) park(p *Process) {
	p.parked = true
	for _, c := range p.children {
		t.park(c)
	}
}
