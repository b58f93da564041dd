package settle

import (
	"slices"
	"time"

	"respawner/watch/service"
)

// Table is the one table of processes.
type Table struct {
	self   int // our own pid
	policy Policy

	byPID    map[int]*Process
	dead     []*Process   // those that have ended and are not buried, in the order in which that was noticed
	untold   []*Process   // those that their services have not heard of, in the order of their birth
	unlisted []*Process   // those whose births are not told yet
	unreaped map[int]bool // buried, but may come to us as zombies

	starts   map[Unit]bool // under way
	adopting map[Unit]*adoption
	searches map[Unit]*search // for marks, under way

	asked  []Question
	events []Event
	round  round
	look   look
	loss   loss
}

// round is how far the queue of births was read.
type round struct {
	fresh   []*Process // have ended since a reading was begun
	before  []*Process // had ended when it was begun
	reading bool
	emptied bool // the queue was empty at its end
	passes  int  // in this turn
}

// New returns an empty table of the process self, by the policy of its step.
func New(self int, p Policy) *Table {
	return &Table{
		self: self, policy: p, byPID: map[int]*Process{}, unreaped: map[int]bool{},
		starts: map[Unit]bool{}, adopting: map[Unit]*adoption{}, searches: map[Unit]*search{},
		look: look{wanted: map[*Process]bool{}},
	}
}

// SetPolicy is for another step of the ladder. Births may have gone untold
// meanwhile.
func (t *Table) SetPolicy(p Policy) {
	t.policy, t.unlisted = p, nil
	if p.Lists {
		t.unlisted = t.All()
	}
}

// Process returns the process that has a pid now, as far as is known; nil if it
// is not of the table.
func (t *Table) Process(pid int) *Process {
	return t.byPID[pid]
}

// Known returns the process that a service knows by a pid; nil if there is none that it has heard
// of.
func (t *Table) Known(u Unit, pid int) *Process {
	if p := t.byPID[pid]; p != nil && p.Unit == u && p.told {
		return p
	}
	return nil
}

// Len returns how many processes are in the table, strangers included.
func (t *Table) Len() int { return len(t.byPID) }

// All returns the processes of the table in the order of their pids.
func (t *Table) All() []*Process {
	all := make([]*Process, 0, len(t.byPID))
	for _, p := range t.byPID {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Process) int { return a.PID - b.PID })
	return all
}

// Kept returns all processes of which there is something to be given back.
func (t *Table) Kept() []*Process {
	kept := t.All()
	for _, p := range t.dead {
		if t.byPID[p.PID] != p {
			kept = append(kept, p)
		}
	}
	return kept
}

// enter puts a process into the table, below parent.
func (t *Table) enter(p, parent *Process) {
	if old := t.byPID[p.PID]; old != nil {
		p.former = old
	}
	t.byPID[p.PID] = p
	delete(t.unreaped, p.PID)
	if p.hang(parent); parent != nil {
		p.Unit, p.Foreign, p.parked = parent.Unit, parent.Foreign, parent.parked && parent.lives()
	}
	t.untold = append(t.untold, p)
	if t.policy.Lists {
		t.unlisted = append(t.unlisted, p)
	}
}

// claim says of which service a process and all below it are.
func (t *Table) claim(p *Process, u Unit) {
	if p.Unit == Unclaimed {
		p.Unit = u
	}
	p.parked = false
	for _, c := range p.children {
		t.claim(c, u)
	}
}

// Forget is for a service that is removed: it is told of nothing any more, and processes that it may
// still have are strangers.
func (t *Table) Forget(u Unit) {
	delete(t.starts, u)
	delete(t.adopting, u)
	delete(t.searches, u)
	t.events = slices.DeleteFunc(t.events, func(e Event) bool { return e.Unit == u })
	t.asked = slices.DeleteFunc(t.asked, func(q Question) bool { return q.Ask == Marks && q.Unit == u })
	for _, p := range t.Kept() {
		p.disown(u)
	}
	for _, q := range t.asked {
		if q.P != nil {
			q.P.disown(u)
		}
	}
}

// disown makes a stranger of a process of a service.
func (p *Process) disown(u Unit) {
	if p.Unit == u {
		p.Unit, p.told = Stranger, true
	}
}

func (t *Table) ask(q Question) { t.asked = append(t.asked, q) }

func (t *Table) tell(e Event) { t.events = append(t.events, e) }

// Questions returns what has to be known or done next; nil when all is settled that
// can be.
func (t *Table) Questions() []Question {
	for len(t.asked) == 0 {
		if !t.advance() {
			return nil
		}
	}
	qs := t.asked
	t.asked = nil
	return qs
}

// Settled returns what has happened since it was last called.
func (t *Table) Settled() []Event {
	events := t.events
	t.events = nil
	return events
}

// IsCalm reports whether nothing is half done.
func (t *Table) IsCalm() bool {
	return len(t.dead)+len(t.untold)+len(t.asked)+len(t.events)+len(t.starts)+len(t.searches)+len(t.adopting) == 0 && !t.isLooking() && !t.loss.is
}

// HasMore reports whether there is more to be found out, for which there must be
// another turn.
func (t *Table) HasMore() bool {
	return t.loss.is || t.isLooking() || len(t.round.fresh)+len(t.round.before) > 0
}

// advance takes the next step; it reports whether there was one.
func (t *Table) advance() bool {
	switch {
	case t.readOn(), t.putOnList(), t.lookOn(), t.searchOn(), t.makeUp():
		return true
	}
	told := t.tellBirths()
	further := t.tellDeaths()
	return t.endAdoptions() || further || told
}

// readOn has the queue read when processes have ended since that was last begun.
func (t *Table) readOn() bool {
	if len(t.round.fresh) == 0 || t.round.reading || t.round.passes >= maxPasses {
		return false
	}
	t.round.passes++
	t.ask(Question{Ask: Drain})
	return true
}

// Reading says that the queue of births is being read, at a time (CLOCK_BOOTTIME): what has ended
// before leaves no birth unread when it is Emptied.
func (t *Table) Reading(at time.Duration) {
	r := &t.round
	r.reading = true
	for _, p := range r.fresh {
		p.endedBy(at)
	}
	r.before, r.fresh = append(r.before, r.fresh...), nil
}

// Emptied says that all was read that was queued at Reading. With all set, the queue was
// empty then.
func (t *Table) Emptied(all bool) {
	r := &t.round
	r.reading, r.emptied = false, all
	for _, p := range r.before {
		if p.Life == Dead {
			p.to(Drained)
		}
	}
	r.before = r.before[:0]
}

// putOnList has births by new processes be told, and finds out of which of them they were not.
func (t *Table) putOnList() bool {
	all := t.unlisted
	if t.unlisted = nil; len(all) > 0 {
		t.ask(Question{Ask: List, All: all})
	}
	return len(all) > 0
}

// Fresh says that births by some processes were not told before: they are looked for.
func (t *Table) Fresh(all []*Process) {
	for _, p := range all {
		p.obscure = true
		t.lookBelow(p)
		if p.Foreign && !p.lives() { // init has its orphans
			t.searchMarks(p.Unit)
		}
	}
}

// Exited says how a process has ended, by an event, which may be of its first thread
// alone.
func (t *Table) Exited(pid int, exit service.Exit) {
	if p := t.byPID[pid]; p != nil && !p.exit.Known && p.Life < Ended && !p.passed {
		p.exit = exit
		if p.Life == Mute {
			p.to(Ended)
			t.unreaped[pid] = true
		}
	}
}

// Execed says that a process has exec'ed.
func (t *Table) Execed(pid int) {
	p := t.byPID[pid]
	switch {
	case p == nil, p.Unit == Stranger, p.passed:
		return
	case p.told:
		t.tell(Event{What: Execed, Unit: p.Unit, P: p})
	default:
		p.execed = true
	}
	for _, c := range p.children {
		c.obscure = c.obscure || !c.told // it runs what p did before
	}
}

// died notes the death of a process; it reports whether that is new.
func (t *Table) died(p *Process) bool {
	if !p.lives() {
		return false
	}
	p.to(Dead)
	for _, q := range t.dead {
		if q.Unit == p.Unit || p.Unit == Unclaimed {
			q.searched = false // p may have left a child since then
		}
	}
	t.dead = append(t.dead, p)
	t.round.fresh = append(t.round.fresh, p)
	if p.listed && t.policy.Told { // it may have been that of the next one already
		t.ask(Question{Ask: Open, P: &Process{PID: p.PID, FD: -1, reason: byHeir}})
	}
	if p.Unit == Unclaimed { // its children have to say of which service it was
		for _, c := range p.children {
			c.parked, c.asked = false, false
			t.askOwner(c)
		}
	}
	return true
}

// endedBy notes a time (CLOCK_BOOTTIME, 0 if it is not known) at which p had ended.
func (p *Process) endedBy(at time.Duration) {
	if at != 0 && (p.over == 0 || at < p.over) {
		p.over = at
	}
}

// Counts returns how many dead processes are kept, how many their services have not heard of,
// and how many are remembered otherwise.
func (t *Table) Counts() (dead, untold, others int) {
	return len(t.dead), len(t.untold), len(t.unreaped) + len(t.unlisted) + len(t.look.wanted)
}
