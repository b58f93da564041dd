package service

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// proc is a live process of a forest.
type proc struct {
	pid      int
	parent   *proc // nil for a root
	children map[*proc]struct{}
	program  Program
	execed   bool      // runs a program of its own, not its parent's
	born     time.Time // its fork, or its last exec
	seq      int       // order of birth

	// founder is the root that this process goes back to by birth, even when
	// that one is dead. A founding root is its own.
	founder *proc

	founding bool
	termed   bool // was sent TERM
	killed   bool // was sent KILL
}

// forest holds the live processes of one service by pid.
type forest struct {
	procs map[int]*proc
	seq   int
}

// add puts a new process under its parent; an unknown parent (0, or one that
// is gone) makes it a root.
func (f *forest) add(pid, parent int, now time.Time) *proc {
	f.seq++
	p := &proc{pid: pid, born: now, seq: f.seq}
	if up := f.procs[parent]; up != nil {
		p.program, p.founder = up.program, up.founder
		f.put(p, up)
	}
	if p.founder == nil {
		p.founder = p
	}
	if f.procs == nil {
		f.procs = map[int]*proc{}
	}
	f.procs[pid] = p
	return p
}

func (f *forest) put(p, parent *proc) {
	p.parent = parent
	if parent == nil {
		return
	}
	if parent.children == nil {
		parent.children = map[*proc]struct{}{}
	}
	parent.children[p] = struct{}{}
}

// remove takes a dead process out and gives its children to the reaper, the
// supervisor where that one is unknown.
func (f *forest) remove(p *proc, reaper int) {
	heir := f.procs[reaper]
	if heir != nil && heir.below(p) {
		heir = nil // no kernel does that; a loop would be worse than a root
	}
	delete(f.procs, p.pid)
	if p.parent != nil {
		delete(p.parent.children, p)
	}
	for c := range p.children {
		f.put(c, heir)
	}
}

func (f *forest) len() int { return len(f.procs) }

// all returns the processes that pass every test, in order of birth.
func (f *forest) all(tests ...func(*proc) bool) []*proc {
	kept := map[*proc]struct{}{}
	for _, p := range f.procs {
		if !slices.ContainsFunc(tests, func(test func(*proc) bool) bool { return !test(p) }) {
			kept[p] = struct{}{}
		}
	}
	return sorted(kept)
}

func sorted(set map[*proc]struct{}) []*proc {
	return slices.SortedFunc(maps.Keys(set), func(a, b *proc) int { return cmp.Compare(a.seq, b.seq) })
}

func (p *proc) isRoot() bool     { return p.parent == nil }
func (p *proc) isFounding() bool { return p.founding }

func (p *proc) below(up *proc) bool {
	for ; p != nil; p = p.parent {
		if p == up {
			return true
		}
	}
	return false
}

// root is the root that p hangs from.
func (p *proc) root() *proc {
	for p.parent != nil {
		p = p.parent
	}
	return p
}

// heirs are the roots that go back to dead by birth.
func (f *forest) heirs(dead *proc) []*proc {
	return f.all((*proc).isRoot, func(p *proc) bool { return p.founder == dead })
}

// found makes roots the founding ones, beside those that are already.
func (f *forest) found(roots []*proc) {
	for _, r := range roots {
		r.founding = true
		old := r.founder
		r.founder = r
		f.inherit(r, old, r)
	}
}

// inherit gives all below p that went back to old a new founder.
func (f *forest) inherit(p, old, founder *proc) {
	for c := range p.children {
		if c.founder == old {
			c.founder = founder
		}
		f.inherit(c, old, founder)
	}
}

// runs tells whether any of roots, or a process below one, runs the file.
func (f *forest) runs(roots []*proc, file string) bool {
	return len(f.all(func(p *proc) bool {
		return p.program.File == file && slices.Contains(roots, p.root())
	})) > 0
}
