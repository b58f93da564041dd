package settle

// loss is that births were not told, and have still to be looked for.
type loss struct {
	is     bool
	gap    bool // the kernel's set does not know of them either
	phase  phase
	passes int // the look that has to be done
}

// phase is how far the search for lost births has come.
type phase int

const (
	toEmpty   phase = iota // the queue has to be empty first: until then more may be lost
	replaying              // the kernel's set was asked
	looking                // a look around was begun
)

// Lost says that births that were queued are lost.
func (t *Table) Lost() { t.loss.is, t.loss.phase = true, toEmpty }

// Missed says that births were lost of which the kernel's set does not know either.
func (t *Table) Missed() {
	t.Lost()
	t.loss.gap = true
}

// makeUp looks for births that were lost; it reports whether there is something to wait
// for.
func (t *Table) makeUp() bool {
	l := &t.loss
	switch {
	case !l.is:
		return false
	case l.phase == toEmpty && t.round.emptied && t.policy.Replays:
		l.phase = replaying
		t.ask(Question{Ask: Replay})
	case l.phase == toEmpty && t.round.emptied:
		t.lookForLost()
	case l.phase == looking && t.look.done >= l.passes && !t.isLooking():
		t.madeUp()
	default:
		return false
	}
	return true
}

// Replayed says that the births that the kernel's set knows were told.
func (t *Table) Replayed() {
	if t.loss.phase != replaying {
		return
	}
	if t.loss.gap {
		t.lookForLost()
	} else {
		t.madeUp()
	}
}

func (t *Table) lookForLost() {
	t.loss.phase, t.loss.passes = looking, t.look.done+1
	t.LookAround()
	for _, u := range t.foreignUnits() {
		t.searchMarks(u)
	}
}

// madeUp is reached when all is known again. What was exec'ed meanwhile may not be.
func (t *Table) madeUp() {
	t.loss = loss{}
	for _, p := range t.All() {
		switch {
		case !p.told:
			p.obscure = true
		case p.lives() && p.Unit != Stranger:
			t.tellLook(p)
		}
	}
	t.tell(Event{What: Resynced})
}
