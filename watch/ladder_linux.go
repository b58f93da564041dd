package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"respawner/procconn"
	"respawner/watch/settle"
)

// step is a step of the ladder: one way to know of births. It hands over facts, and
// decides nothing.
type step interface {
	policy() settle.Policy
	// read hands over the births that are queued, at least those that were when it was
	// called; it reports whether the queue was empty in the end.
	read() (empty bool, err error)
	// list has births by some processes be told from now on; it returns those of which
	// earlier births may not have been told.
	list(ps []*settle.Process) (fresh []*settle.Process, err error)
	// forget says that a process is dead.
	forget(p *settle.Process) error
	// replay hands over the births that the kernel knows of.
	replay() error
	// close gives back what is the step's own.
	close() error
}

// ladder is how births are known: the step it stands on, and how it came there.
type ladder struct {
	wanted Tracking // what the user insists on, or TrackBest
	best   Tracking // the best step that is tried
	first  Tracking // the one that was taken at the start
	now    Tracking
	step   step
	reason string // why not a better one
	conn   *link  // of the first three steps, nil for none

	resyncs int
	asked   bool          // the next resync was asked for by a takeover: it is no sign of a loss
	noted   time.Duration // when a resync was last told of
	fell    time.Duration // when a step was last lost
	dropped uint32        // events that the queue had no room for, on earlier connections
}

// rungs are the steps from the best down, each with what takes it. Its error says why it
// can't be had.
var rungs = []struct {
	tracking Tracking
	take     func(*Host) (step, error)
}{
	{TrackKernelSet, takeKernelSet},
	{TrackSocketFilter, takeSocketFilter},
	{TrackEvents, takeEvents},
	{TrackScan, takeScan},
	{TrackPidfile, takePidfile},
}

// climb takes the best step that works, or the one that was asked for.
func (s *Host) climb() error {
	l := &s.ladder
	var why []string
	for _, rung := range rungs {
		if rung.tracking < l.best || l.wanted != TrackBest && rung.tracking != l.wanted {
			continue
		}
		taken, err := rung.take(s)
		if err == nil {
			l.step, l.now, l.reason = taken, rung.tracking, strings.Join(why, "; ")
			s.table.SetPolicy(taken.policy())
			return nil
		}
		if !slices.Contains(why, err.Error()) { // several steps need the connector
			why = append(why, err.Error())
		}
	}
	s.hangUp()
	return fmt.Errorf("tracking by %v is not to be had here: %s", l.wanted, strings.Join(why, "; "))
}

// firstClimb is that of the start, when there is nothing to be followed yet.
func (s *Host) firstClimb() error {
	l := &s.ladder
	l.wanted = s.config.Tracking
	if err := s.climb(); err != nil {
		return err
	}
	if l.first = l.now; l.wanted != TrackBest {
		l.reason = "asked for"
	}
	s.probeIn(probeSeldom)
	return nil
}

// fall leaves a step that has failed, and takes the best that works now: the same, when it
// can be had anew.
func (s *Host) fall(why error) {
	l := &s.ladder
	from, now := l.now, s.monotonic()
	if l.fell != 0 && now-l.fell < fallAgain {
		l.best = max(l.best, TrackScan)
	}
	l.fell = now
	s.climbAnew()
	if l.now > from {
		l.reason = strings.Trim(why.Error()+"; "+l.reason, "; ")
	}
	text := fmt.Sprintf("births were not told by %v: going on by %v", from, l.now)
	for _, u := range s.units {
		u.log.Warn(text, "error", why)
	}
	s.noteAll("tracking", text)
}

// climbAnew is for a ladder in use: what was not told meanwhile is looked for.
func (s *Host) climbAnew() {
	l := &s.ladder
	s.hangUp()
	err := s.climb()
	if err != nil { // what was asked for is gone; the service is not to be
		l.wanted = TrackBest
		err = s.climb()
	}
	s.check(err)
	s.table.Missed()
	s.probeIn(probeSeldom)
}

// reasonNow returns why births are not known in a better way.
func (s *Host) reasonNow() string {
	l := &s.ladder
	if l.now != TrackSocketFilter || s.table.Len() < procconn.FilterLimit {
		return l.reason
	}
	const coarse = "with that many processes the filter passes every fork of the machine"
	return coarse + "; " + l.reason
}

// fallAgain is how soon after the connector has failed a second failure ends its use,
// until the next try for a better step.
const fallAgain = time.Minute

// hangUp gives the step up, and the connector, if there is one.
func (s *Host) hangUp() {
	l := &s.ladder
	if l.step != nil {
		s.check(l.step.close())
	}
	l.step = scan{s}
	if l.conn != nil {
		l.dropped += l.conn.droppedHere(s)
		s.check(l.conn.close())
	}
	l.conn = nil
}

// droppedEvents returns how many events were lost because the queue was full.
func (s *Host) droppedEvents() uint32 {
	if s.ladder.conn == nil {
		return s.ladder.dropped
	}
	return s.ladder.dropped + s.ladder.conn.droppedHere(s)
}

// readBirths has the table learn of everything that was born until now.
func (s *Host) readBirths() {
	s.table.Reading(s.uptime())
	empty, err := s.ladder.step.read()
	if err != nil {
		s.fall(err)
	}
	s.table.Emptied(empty && err == nil)
	if empty {
		s.wasAhead, _ = s.ahead()
	}
}

func (s *Host) putOnList(ps []*settle.Process) {
	fresh, err := s.ladder.step.list(ps)
	if err != nil {
		s.fall(err)
		return
	}
	s.table.Fresh(fresh)
}

func (s *Host) replay() {
	if err := s.ladder.step.replay(); err != nil {
		s.fall(err)
		return
	}
	s.table.Replayed()
}

// resynced is called when what was lost is known again.
func (s *Host) resynced() {
	l := &s.ladder
	if !l.asked {
		l.resyncs++
		s.noteResync()
	}
	l.asked = false
	if l.now <= l.first { // else the next try for it is due
		s.probeIn(probeSoon)
	}
}

// noteResync tells of a resync, but not of each in a storm of them.
func (s *Host) noteResync() {
	if now := s.monotonic(); s.ladder.noted == 0 || now-s.ladder.noted > time.Second {
		s.ladder.noted = now
		s.noteAll("resynced", fmt.Sprintf("events were lost: %d processes made sure of", s.table.Len()))
	}
}

// How long after something a probe makes sure that events arrive. Each start of a program
// is a probe as well (see mustHear).
const (
	probeSeldom = 10 * time.Minute
	probeSoon   = time.Second // after a resync
)

func (s *Host) probeIn(d time.Duration) {
	if s.ladder.first <= TrackEvents {
		s.check(s.timers.Set(deadline{ladder: &s.ladder}, s.now().Add(d)))
	}
}

// probe makes sure that events arrive, or tries to get back to the step that was lost.
func (s *Host) probe() {
	l := &s.ladder
	if l.now > l.first {
		l.best = TrackBest
		s.climbAnew()
		return
	}
	err := l.conn.conn.Probe(func(ev procconn.Event) { s.observe(ev) })
	switch {
	case errors.Is(err, procconn.ErrOverflow):
		s.table.Lost()
		s.readBirths() // until the queue is empty, more are lost without a word
		s.probeIn(probeSoon)
	case err != nil:
		s.fall(err)
	default:
		s.probeIn(probeSeldom)
	}
}

// mustHear is a probe: the birth of a program that we have started ourselves must have been
// told by now.
func (s *Host) mustHear(out spawned) {
	if s.ladder.conn != nil && s.ladder.conn.quiet && out.err == nil && s.table.Process(out.pid) == nil {
		s.fall(procconn.ErrDeaf)
	}
}
