package settle

import (
	"cmp"
	"slices"
)

// look is a look for processes of which no fact has told: the children of those that
// are wanted are read, those of the deepest first, and ours last. An orphan goes to a
// process above its parent, so it can't come to where was read already.
type look struct {
	wanted map[*Process]bool // whose children are to be read
	us     bool              // and ours
	passes int               // in this turn
	done   int               // how many looks at our children are done
}

// maxPasses bounds what is repeated in a turn because births come faster than it takes.
const maxPasses = 8

// Turn begins a turn of the loop.
func (t *Table) Turn() { t.look.passes, t.round.passes = 0, 0 }

// LookAround looks for processes everywhere.
func (t *Table) LookAround() {
	t.look.us = true
	for _, p := range t.byPID {
		if p.lives() {
			t.look.wanted[p] = true
		}
	}
}

// lookBelow looks for what a process has begotten before that was told. What it has
// orphaned is above it.
func (t *Table) lookBelow(p *Process) {
	for ; p != nil; p = p.parent {
		t.look.wanted[p] = true
	}
	t.look.us = true
}

// isLooking reports whether there is more to be read.
func (t *Table) isLooking() bool { return t.look.us || len(t.look.wanted) > 0 }

// lookOn makes the next pass; it reports whether there was one.
func (t *Table) lookOn() bool {
	l := &t.look
	if !t.isLooking() || l.passes >= maxPasses {
		return false
	}
	l.passes++
	all := make([]*Process, 0, len(l.wanted))
	depth := map[*Process]int{}
	for p := range l.wanted {
		if p.lives() {
			all, depth[p] = append(all, p), p.depth()
		}
	}
	clear(l.wanted)
	l.us = false
	slices.SortFunc(all, func(a, b *Process) int { return cmp.Or(depth[b]-depth[a], a.PID-b.PID) })
	for _, p := range all {
		t.ask(Question{Ask: Children, P: p})
	}
	t.ask(Question{Ask: Children})
	return true
}

// Listed says which children p has, or we, if it is nil.
func (t *Table) Listed(p *Process, pids []int) {
	for _, pid := range pids {
		if old := t.byPID[pid]; old != nil && old.lives() && old.parent == p {
			old.listed = true
			continue // else another process may have the pid by now
		}
		t.ask(Question{Ask: Open, P: &Process{PID: pid, FD: -1, reason: byLook, via: p}})
	}
	if p == nil {
		t.look.done++
	}
}

// Zombie says that a child of ours waits to be reaped. It reports whether no other fact
// will tell of that.
func (t *Table) Zombie(pid int) bool {
	p := t.byPID[pid]
	if p != nil && !p.reaped || p == nil && len(t.starts) > 0 {
		return false
	}
	t.ask(Question{Ask: Open, P: &Process{PID: pid, FD: -1, reason: byWait}})
	return true
}
