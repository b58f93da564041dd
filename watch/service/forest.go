package service

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"
)

// proc is a live process of a forest.
type proc struct {
	pid      int
	parent   *proc // nil for a root
	children map[*proc]struct{}
	program  *Program
	execed   bool      // runs a program of its own, not its parent's
	born     time.Time // its fork, or its last exec
	seq      int       // order of birth

	// founder is the root that this process goes back to by birth, even when
	// that one is dead. A founding root is its own.
	founder *proc

	// heir goes on in place of this process when it has left: its last child,
	// or that one's heir. elder is whose heir this process is itself.
	heir, elder *proc

	// baton says that the program goes on in this process: it was started, or
	// has inherited from the process that had the baton.
	baton bool

	founding bool
	unsure   bool     // main has left it, and what it will run is open
	was      *Program // what an unsure one has run before its exec, as long as its arguments are not known
	termed   bool     // was sent TERM
}

// forest holds the live processes of one service by pid. The roots are kept
// apart, and the founding ones among them: most questions are about those, and
// they are few, even when orphans come home by the thousand.
type forest struct {
	procs    map[int]*proc
	roots    map[*proc]struct{}
	founders map[*proc]struct{}
	seq      int
}

// add puts a new process under its parent; an unknown parent (0, or one that
// is gone) makes it a root.
func (f *forest) add(pid, parent int, now time.Time) *proc {
	f.seq++
	p := &proc{pid: pid, program: &Program{}, born: now, seq: f.seq}
	if f.procs == nil {
		f.procs, f.roots, f.founders = map[int]*proc{}, map[*proc]struct{}{}, map[*proc]struct{}{}
	}
	up := f.procs[parent]
	if up != nil {
		p.program, p.founder = up.program, up.founder
		up.setHeir(p)
	} else {
		p.founder = p
	}
	f.put(p, up)
	f.procs[pid] = p
	return p
}

func (f *forest) put(p, parent *proc) {
	p.parent = parent
	if parent == nil {
		f.roots[p] = struct{}{}
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
	p.bequeath()
	delete(f.procs, p.pid)
	delete(f.roots, p)
	delete(f.founders, p)
	if p.parent != nil {
		delete(p.parent.children, p)
	}
	for c := range p.children {
		f.put(c, heir)
	}
}

// release takes out a process with all below it.
func (f *forest) release(p *proc) {
	for _, c := range inOrder(maps.Keys(p.children)) {
		f.release(c)
	}
	f.remove(p, 0)
}

func (p *proc) setHeir(heir *proc) {
	if p.heir != nil && p.heir.elder == p {
		p.heir.elder = nil
	}
	p.heir = heir
	if heir != nil {
		heir.elder = p
	}
}

// bequeath is the end of p. A process that puts itself into the background forks and leaves
// at once, so its last child goes on, unless that runs another program.
func (p *proc) bequeath() {
	heir, elder := p.heir, p.elder
	p.setHeir(nil)
	if elder != nil {
		elder.setHeir(heir)
	}
	if heir != nil {
		heir.baton = p.baton && !heir.execed
	}
}

func (f *forest) len() int { return len(f.procs) }

// all are the processes in order of birth.
func (f *forest) all() []*proc { return inOrder(maps.Values(f.procs)) }

// allRoots are the roots in order of birth.
func (f *forest) allRoots() []*proc { return inOrder(maps.Keys(f.roots)) }

// founding are the founding roots in order of birth.
func (f *forest) founding() []*proc { return inOrder(maps.Keys(f.founders)) }

// heirs are the roots that go back to dead by birth, in order of birth.
func (f *forest) heirs(dead *proc) []*proc {
	return f.rootsThat(func(p *proc) bool { return p.founder == dead })
}

func (f *forest) rootsThat(test func(*proc) bool) []*proc {
	var out []*proc
	for p := range f.roots {
		if test(p) {
			out = append(out, p)
		}
	}
	return inOrder(slices.Values(out))
}

func inOrder(ps iter.Seq[*proc]) []*proc {
	return slices.SortedFunc(ps, func(a, b *proc) int { return cmp.Compare(a.seq, b.seq) })
}

func (p *proc) isRoot() bool { return p.parent == nil }

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

// found makes roots the founding ones, beside those that are already.
func (f *forest) found(roots []*proc) {
	for _, r := range roots {
		r.founding = true
		f.founders[r] = struct{}{}
		old := r.founder
		r.founder = r
		f.inherit(r, old, r)
	}
}

// disown makes a founding root a stray.
func (f *forest) disown(p *proc) {
	p.founding = false
	delete(f.founders, p)
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
