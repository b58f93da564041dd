package settle

import (
	"maps"
	"slices"
	"time"
)

// Record is a process that an earlier supervisor has written down.
type Record struct {
	PID   int           `json:"pid"`
	Start time.Duration `json:"start"` // since boot, by /proc/PID/stat; 0: not known
	Inode uint64        `json:"inode"` // of its pidfd, never the same again since Linux 6.9; 0: not known
}

// Is reports whether the process that was found under the pid is the one that was written down. What is
// not known says nothing against that, but a record without any evidence is of no process.
func (r Record) Is(l Look) bool {
	return l.Result != Gone && (r.Start != 0 || r.Inode != 0) &&
		(!l.Known || r.Start == 0 || r.Start == l.Start) && (r.Inode == 0 || l.Inode == 0 || r.Inode == l.Inode)
}

// Adopt looks for the processes of a service that an earlier supervisor has left: those
// that it wrote down, parents first, those that have the service's mark, and those below
// them. The service knows of those that were written down. In the end it hears of those
// that have ended, and then Adopted.
func (t *Table) Adopt(u Unit, records []Record) {
	t.adopting[u] = &adoption{}
	for _, r := range records {
		t.ask(Question{Ask: Open, P: &Process{PID: r.PID, FD: -1, Unit: u, Start: r.Start, Inode: r.Inode, reason: byRecord}})
	}
	t.searchMarks(u)
	t.LookAround()
}

// Seek looks for a process that something else says to be of a service: it started at
// start, by /proc.
func (t *Table) Seek(u Unit, pid int, start time.Duration) {
	t.ask(Question{Ask: Open, P: &Process{PID: pid, FD: -1, Unit: u, Start: start, reason: byMark}})
}

// Release takes a process from its service, with all that it has forked and will fork.
func (t *Table) Release(p *Process) {
	p.Unit, p.parked = Stranger, false
	for _, c := range p.children {
		t.Release(c)
	}
}

// Strange says that we had a child before we were a supervisor: it is of no service.
func (t *Table) Strange(pid int) {
	t.ask(Question{Ask: Open, P: &Process{PID: pid, FD: -1, Unit: Stranger, reason: byLook}})
}

// lostRecord is for a process that was written down and is not there any more.
func (t *Table) lostRecord(p *Process) {
	if a := t.adopting[p.Unit]; a != nil {
		a.lost = append(a.lost, p)
	}
}

// adoption is a service that an earlier supervisor has left, until all of it is known.
type adoption struct{ lost []*Process }

// Found is a process that has a service's mark.
type Found struct {
	PID   int
	Start time.Duration
}

// search is a search for the processes that have a service's mark. A process that ends
// while they are read may have left a child behind what was read by then. So they are read
// again, until there is no new one and none has become unreadable, or often enough.
type search struct {
	passes int
	asked  bool         // a pass is under way
	stale  bool         // something has happened since it was asked for, which it may miss
	mute   map[int]bool // those whose mark could not be read in the last pass
}

// searchMarks looks for processes by the mark of a service.
func (t *Table) searchMarks(u Unit) {
	if u <= Unclaimed {
		return
	}
	if s := t.searches[u]; s != nil {
		s.passes, s.stale = 0, s.asked // what has happened meanwhile is not to be missed
		return
	}
	t.searches[u] = &search{}
}

// searchOn begins the next pass of each search, when births by all that are known are told; it
// reports whether there was one.
func (t *Table) searchOn() (any bool) {
	for _, u := range slices.Sorted(maps.Keys(t.searches)) {
		if s := t.searches[u]; !s.asked {
			s.asked, any = true, true
			t.ask(Question{Ask: Marks, Unit: u})
		}
	}
	return any
}

// Marked says which processes have the mark of a service, the elder ones first, known or
// not; and of which processes that could not be read.
func (t *Table) Marked(u Unit, found []Found, mute []int) {
	s := t.searches[u]
	if s == nil {
		return
	}
	sure := !s.stale
	for _, f := range found {
		if p := t.byPID[f.PID]; p == nil || !p.IsStarted(f.Start) {
			t.Seek(u, f.PID, f.Start)
			sure = false
		}
	}
	before := s.mute
	s.mute = map[int]bool{}
	for _, pid := range mute {
		s.mute[pid] = true
		sure = sure && before[pid]
	}
	s.asked, s.stale = false, false
	if s.passes++; sure || s.passes >= maxPasses {
		delete(t.searches, u)
	}
}

// IsStarted reports whether p is the process that started at a time, by /proc.
func (p *Process) IsStarted(start time.Duration) bool {
	switch {
	case p.Start != 0:
		return p.Start == start
	case p.by != 0:
		return start <= p.by
	}
	return p.lives()
}

// askMarks is for a process whose orphans go to init. Where every birth is told (Exact), that is of use only when no other process is left.
func (t *Table) askMarks(p *Process) (asked, waits bool) {
	switch {
	case t.searches[p.Unit] != nil:
		return false, true
	case p.searched, t.policy.Exact && t.hasOther(p):
		return false, false
	}
	p.searched = true
	t.searchMarks(p.Unit)
	return true, true
}

// hasOther reports whether a service has another process that lives.
func (t *Table) hasOther(p *Process) bool {
	for _, q := range t.byPID {
		if q != p && q.Unit == p.Unit && q.lives() {
			return true
		}
	}
	return false
}

// foreignUnits returns the services that have processes that don't descend from us.
func (t *Table) foreignUnits() (us []Unit) {
	for _, p := range t.byPID {
		if p.Foreign && p.Unit > Unclaimed && !slices.Contains(us, p.Unit) {
			us = append(us, p.Unit)
		}
	}
	slices.Sort(us)
	return us
}

// endAdoptions ends the adoptions of which all is known; it reports whether there was one.
func (t *Table) endAdoptions() (ended bool) {
	if len(t.adopting) == 0 || t.isLooking() || t.loss.is {
		return false
	}
	for _, u := range slices.Sorted(maps.Keys(t.adopting)) {
		if t.searches[u] == nil {
			t.endAdoption(u)
			ended = true
		}
	}
	return ended
}

// endAdoption tells a service which of its processes have ended, children first: how, nothing
// can tell.
func (t *Table) endAdoption(u Unit) {
	lost := t.adopting[u].lost
	delete(t.adopting, u)
	for _, p := range slices.Backward(lost) {
		t.tellLoss(p)
	}
	t.tellBirths()
	t.tell(Event{What: Adopted, Unit: u})
}

// tellLoss tells a service of the death of a process that was written down.
func (t *Table) tellLoss(p *Process) {
	e := Event{What: Died, Unit: p.Unit, P: p}
	i := slices.IndexFunc(t.untold, func(q *Process) bool { return q.PID == p.PID && q.Unit == p.Unit && !q.told })
	if i < 0 {
		t.tell(e)
		return
	}
	e.Next, e.Parent = t.untold[i], t.untold[i].Parent()
	t.tell(e)
	t.wasTold(e.Next)
}

// isLost reports whether a process that was written down had p's pid, and its service has
// still to hear of its end.
func (t *Table) isLost(p *Process) bool {
	a := t.adopting[p.Unit]
	return a != nil && slices.ContainsFunc(a.lost, func(q *Process) bool { return q.PID == p.PID })
}
