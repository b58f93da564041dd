package settle

import (
	"cmp"
	"slices"
	"time"
)

// Starting says that the program of a service is being started. Until Started, its
// process and what that has done may be known, but not as the service's.
func (t *Table) Starting(u Unit) { t.starts[u] = true }

// IsStarting reports whether a start of a service is under way.
func (t *Table) IsStarting(u Unit) bool { return t.starts[u] }

// Start is the process that a start has made.
type Start struct {
	PID   int
	FD    int           // its pidfd
	Inode uint64        // of that, 0 where each has the same
	Start time.Duration // its start time, 0 if not known
	Held  bool          // it has its pid still
}

// Failed says that nothing came of a start: the process that it has made, if any is known, has ended, and is of no service.
func (t *Table) Failed(u Unit, pid int) {
	delete(t.starts, u)
	for _, p := range t.untold {
		if p.PID != pid || p.Unit != Unclaimed || !p.isTop() || len(p.children) > 0 {
			continue
		}
		if p.vain = p.Life == Told; !p.lives() {
			t.claim(p, Stranger)
		}
	}
	t.unpark()
}

// Started says what came of a start.
func (t *Table) Started(u Unit, s Start) {
	delete(t.starts, u)
	p := t.madeBy(s, func(p *Process) bool { return p.Inode == s.Inode })
	if p == nil { // else a later one, not opened yet, would be taken for it
		p = t.madeBy(s, func(*Process) bool { return true })
	}
	switch {
	case p == nil:
		p = &Process{PID: s.PID, Life: Told, Inode: s.Inode, Start: s.Start, found: true}
		t.enterStart(p, s.Held)
		t.setAlive(p, s.FD)
	case p.Life <= Unopened:
		p.Inode, p.Start = s.Inode, cmp.Or(p.Start, s.Start)
		t.setAlive(p, s.FD)
	case p.Life <= Drained && p.FD < 0: // it is still to be reaped by that
		p.FD, p.Inode = s.FD, s.Inode
		t.ask(Question{Ask: Await, P: p})
	default:
		t.close(Look{Result: Opening, FD: s.FD})
	}
	p.started = true
	t.claim(p, u)
	t.unpark()
}

// madeBy returns the last process with a start's pid that can be its program.
func (t *Table) madeBy(s Start, can func(*Process) bool) *Process {
	for _, p := range slices.Backward(t.untold) {
		if p.PID == s.PID && p.isStart(s) && can(p) {
			return p
		}
	}
	return nil
}

// isStart reports whether p can be the program of a start.
func (p *Process) isStart(s Start) bool {
	return p.Unit == Unclaimed && p.isTop() && p.Life != Buried && (p.Inode == 0 || s.Inode == 0 || p.Inode == s.Inode) &&
		(s.Start == 0 || p.IsStarted(s.Start))
}

// enterStart puts the program of a start into the table, of which nothing has told. Another
// process has its pid by now, if it does not hold that.
func (t *Table) enterStart(p *Process, held bool) {
	next := t.byPID[p.PID]
	if held || next == nil {
		if next != nil {
			t.supersede(next, p.Start)
		}
		t.enter(p, nil)
		return
	}
	for next.former != nil && next.former.Life != Buried {
		next = next.former
	}
	next.former = p
	t.untold = slices.Insert(t.untold, 0, p)
}

// unpark asks again of which service those are that could have been of a start. The dead can't be
// asked while another start is under way, of which they could be.
func (t *Table) unpark() {
	for _, p := range t.untold {
		if !p.parked || len(t.starts) > 0 && !p.lives() {
			continue
		}
		p.parked, p.asked = false, false
		t.askOwner(p)
	}
}
