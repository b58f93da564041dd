package settle

import (
	"slices"
	"time"
)

// Birth is what was told of a birth.
type Birth struct {
	Parent, Child int
	At            time.Duration // when it was told (CLOCK_MONOTONIC)
	By            time.Duration // the child started at this time at the latest (CLOCK_BOOTTIME)
	Loose         bool          // By may be far too late: the machine was suspended since the last birth
	Replayed      bool          // by the kernel's set, which may tell of it long after
	Held          bool          // the process that is known by the child's pid has not ended, or waits for us to be reaped
}

// Born says that a process was born. It reports whether the table has it, or had it, by that.
func (t *Table) Born(b Birth) bool {
	old := t.byPID[b.Child]
	if old != nil {
		switch old.compare(b) {
		case same:
			if old.by != unknowable { // else its mark is still to tell which process it is
				old.Born, old.by = b.At, b.By
			}
			return true
		case earlier:
			return true
		}
		t.supersede(old, b.By)
	}
	up := t.byPID[b.Parent]
	if b.Parent != t.self && (up == nil || !up.wasThere(b)) {
		t.bornToUnknown(b, old)
		return false
	}
	p := &Process{PID: b.Child, Life: Told, FD: -1, Born: b.At, by: b.By, loose: b.Loose || t.loss.is, late: b.Loose}
	p.obscure = up == nil // it is a sibling of the process that forked it, which is not told
	t.enter(p, up)
	t.ask(Question{Ask: Open, P: p})
	return true
}

// bornToUnknown is for a birth by a process that is not of the table. The kernel's set has none but ours. Else the parent that
// the child has now tells whether it is: old had its pid, so a look may have taken it for that.
func (t *Table) bornToUnknown(b Birth, old *Process) {
	switch {
	case b.Replayed:
		t.ask(Question{Ask: Open, P: &Process{PID: b.Child, FD: -1, Born: b.At, by: b.By, reason: bySet}})
	case old != nil:
		t.ask(Question{Ask: Open, P: &Process{PID: b.Child, FD: -1, reason: byHeir}})
	}
}

// order is which of two processes with one pid was there first.
type order int

const (
	same    order = iota
	earlier       // the one that was told of was there before the one that is known
	later         // it came after it
)

// compare says of a birth that was told whether it is that of p, which has the pid.
func (p *Process) compare(b Birth) order {
	switch {
	case p.Born == b.At:
		return same
	case p.Born != 0 && b.At < p.Born, p.Born == 0 && p.Start > b.By:
		return earlier
	case p.found && (b.Held || p.Life == Unopened), p.Born == 0 && p.opened > b.At:
		return same
	}
	return later
}

// wasThere reports whether p can have forked at a time. All that a drained process has done was
// told before.
func (p *Process) wasThere(b Birth) bool {
	switch {
	case p.Life >= Drained && !b.Replayed:
		return false
	case p.Born != 0:
		return p.Born <= b.At
	}
	return p.Start <= b.By
}

// supersede says that another process has p's pid, which started at a time at the latest (CLOCK_BOOTTIME):
// so p has ended, and was reaped. All its births were told before that of the other one. A pidfd that is
// not known to be readable may be that of the other one.
func (t *Table) supersede(p *Process, by time.Duration) {
	p.passed = true
	p.endedBy(by)
	if p.lives() && p.FD >= 0 {
		t.ask(Question{Ask: Unwatch, P: &Process{FD: p.FD, Room: p.Room}})
		p.FD, p.Room = -1, nil
	}
	if t.died(p) {
		t.round.fresh = t.round.fresh[:len(t.round.fresh)-1]
	}
	if p.Life == Dead {
		p.to(Drained)
	}
	p.held = false
}

// isOpen reports whether there is a child of ours that may be of any service: that has still to be told. One
// that lives and is parked counts only for the start that it waits for, once nothing else can tell.
func (t *Table) isOpen() bool {
	return slices.ContainsFunc(t.untold, func(p *Process) bool {
		return p.Unit == Unclaimed && (p.unsure || !p.parked || !p.lives()) && !p.held && p.Life != Buried
	})
}

// holdsBack reports whether a process of a service is not told because one that had its pid before, or that of a process
// above it, may be of that service too.
func (t *Table) holdsBack(u Unit) bool {
	return slices.ContainsFunc(t.untold, func(p *Process) bool {
		for ; p != nil && p.Unit == u && !p.told; p = p.parent {
			if p.hasFormer(Unclaimed) {
				return true
			}
		}
		return false
	})
}

// hasFormer reports whether a process of u had p's pid before, and is not buried.
func (p *Process) hasFormer(u Unit) bool {
	for q := p.former; q != nil; q = q.former {
		if q.Unit == u && q.Life != Buried {
			return true
		}
	}
	return false
}
