package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// ladder is how births are known: the step it stands on, and what that needs.
type ladder struct {
	wanted Tracking // what the user insists on, or TrackBest
	best   Tracking // the best step that is tried
	first  Tracking // the one that was taken at the start
	step   Tracking
	reason string // why not a better one

	conn connector // of the first three steps
	slot *slot
	set  kernelSet // of TrackKernelSet

	forked   bool       // the set has grown since it was looked after
	late     []*process // those whose birth was told, but that are not in the set
	overfull uint64     // how many births it had no room for, and has been helped with

	changed bool       // TrackSocketFilter: others pass than those who are known
	fresh   []*process // whom it passes only from the next change on

	sure    time.Duration // a pidfd that was opened later may be a stranger's, if its birth was not told
	emptied bool          // the queue was empty when it was last read
	lost    bool          // births were not told, and have not been looked for yet
	gap     bool          // nor does the set know of them
	dropped uint32        // events that the queue had no room for, on earlier connections
	base    uint32        // those of this one that came before it was of use
	resyncs int
	noted   time.Duration // when a resync was last told of
	fell    time.Duration // when a step was last lost
}

// rungs are the steps from the best down, each with what takes it. Its error
// says why it can't be had.
var rungs = []struct {
	step Tracking
	take func(*Supervisor) error
}{
	{TrackKernelSet, (*Supervisor).takeKernelSet},
	{TrackSocketFilter, (*Supervisor).takeSocketFilter},
	{TrackEvents, (*Supervisor).takeEvents},
	{TrackScan, (*Supervisor).takeScan},
	{TrackPidfile, (*Supervisor).takePidfile},
}

// climb takes the best step that works, or the one that was asked for.
func (s *Supervisor) climb() error {
	l := &s.ladder
	var why []string
	for _, rung := range rungs {
		if rung.step < l.best || l.wanted != TrackBest && rung.step != l.wanted {
			continue
		}
		err := rung.take(s)
		if err == nil {
			l.step, l.reason = rung.step, strings.Join(why, "; ")
			return nil
		}
		if !slices.Contains(why, err.Error()) { // several steps need the connector
			why = append(why, err.Error())
		}
	}
	s.hangUp()
	return fmt.Errorf("tracking by %v is not to be had here: %s", l.wanted, strings.Join(why, "; "))
}

// firstClimb is that of the start, when nobody is to be followed yet.
func (s *Supervisor) firstClimb() error {
	l := &s.ladder
	l.wanted = s.units[0].config.Tracking
	if err := s.climb(); err != nil {
		return err
	}
	if l.first = l.step; l.wanted != TrackBest {
		l.reason = "asked for"
	}
	s.probeIn(probeSeldom)
	return nil
}

// fall leaves a step that has failed, and takes the best that works now: the
// same, when it can be had anew.
func (s *Supervisor) fall(why error) {
	l := &s.ladder
	from, now := l.step, s.monotonic()
	if l.fell != 0 && now-l.fell < fallAgain {
		l.best = max(l.best, TrackScan)
	}
	l.fell = now
	s.climbAnew()
	if l.step > from {
		l.reason = strings.Trim(why.Error()+"; "+l.reason, "; ")
	}
	text := fmt.Sprintf("births were not told by %v: going on by %v", from, l.step)
	for _, u := range s.units {
		u.log.Warn(text, "error", why)
	}
	s.noteAll("tracking", text)
}

// climbAnew is for a ladder in use: what was not told meanwhile is looked for
// by the next resync.
func (s *Supervisor) climbAnew() {
	l := &s.ladder
	s.hangUp()
	err := s.climb()
	if err != nil { // what was asked for is gone; the service is not to be
		l.wanted = TrackBest
		err = s.climb()
	}
	s.check(err)
	s.missed()
	s.probeIn(probeSeldom)
}

// missed says that births were not told, nor does the set know of them.
func (s *Supervisor) missed() { s.ladder.lost, s.ladder.gap = true, true }

// unfinished tells whether there is more to be found out than was possible in
// this turn.
func (l *ladder) unfinished() bool { return l.lost || len(l.fresh) > 0 }

// reason is why births are not known in a better way.
func (s *Supervisor) reason() string {
	l := &s.ladder
	if l.step != TrackSocketFilter || len(s.procs) < procconn.FilterLimit {
		return l.reason
	}
	const coarse = "with that many processes the filter passes every fork of the machine"
	return coarse + "; " + l.reason
}

// fallAgain is how soon after the connector has failed a second failure ends
// its use, until the next try for a better step.
const fallAgain = time.Minute

// takeKernelSet attaches the filter that keeps the set, and puts us and who is
// known already into it. Who descends from them is for the caller to look for;
// at the start there is nobody.
func (s *Supervisor) takeKernelSet() error {
	l := &s.ladder
	if err := s.dial(); err != nil {
		return err
	}
	set, err := l.conn.track(setSize)
	if err != nil {
		return err
	}
	l.set, l.overfull = set, 0
	if err = s.discard(); err == nil {
		err = s.enlist()
	}
	if err != nil {
		l.set = nil
		return errors.Join(err, set.Close())
	}
	return nil
}

// setSize is how many processes the kernel's set has room for.
var setSize = procconn.SetSize

func (s *Supervisor) takeSocketFilter() error {
	if err := s.dial(); err != nil {
		return err
	}
	if err := s.ladder.conn.Filter(s.passing()); err != nil {
		return err
	}
	return s.discard()
}

func (s *Supervisor) takeEvents() error {
	if err := s.dial(); err != nil {
		return err
	}
	if err := s.ladder.conn.Unfilter(); err != nil {
		return err
	}
	return s.discard()
}

func (s *Supervisor) takeScan() error {
	s.hangUp()
	return s.canScan()
}

func (s *Supervisor) takePidfile() error {
	s.hangUp()
	return nil
}

// dial connects to the connector, unless a step above has done so.
func (s *Supervisor) dial() error {
	l := &s.ladder
	if l.conn != nil {
		return nil
	}
	conn, err := s.kernel.dial()
	if err != nil {
		return err
	}
	err = conn.SetReadBuffer(readBuffer)
	fd, errFD := conn.fd()
	if err = errors.Join(err, errFD); err == nil {
		// Nothing to do when it is ready: each turn begins with catchUp.
		l.slot, err = s.loop.add(rankWake, fd, unix.EPOLLIN, func(uint32) {})
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	l.conn = conn
	return nil
}

var dialConnector = procconn.Dial

// readBuffer is asked for the connector's queue, in bytes: some thousand events
// can wait there.
var readBuffer = 1 << 20

// discard empties the queue of what was there before the filter.
func (s *Supervisor) discard() error {
	conn := s.ladder.conn
	for range conn.Capacity() {
		_, ok, err := conn.TryReceive()
		if err != nil && !errors.Is(err, procconn.ErrOverflow) {
			return err
		}
		if !ok && err == nil {
			break
		}
	}
	var err error
	s.ladder.base, err = conn.Dropped()
	return err
}

// hangUp gives the connector up, if there is one.
func (s *Supervisor) hangUp() {
	l := &s.ladder
	if l.conn == nil {
		return
	}
	l.dropped, l.base = s.droppedEvents(), 0
	if l.set != nil {
		s.check(l.set.Close())
	}
	s.check(errors.Join(s.loop.remove(l.slot), l.conn.Close()))
	l.conn, l.slot, l.set, l.late, l.changed, l.fresh = nil, nil, nil, nil, false, nil
}

// droppedEvents is how many events were lost because the queue was full.
func (s *Supervisor) droppedEvents() uint32 {
	l := &s.ladder
	if l.conn == nil {
		return l.dropped
	}
	n, err := l.conn.Dropped()
	s.check(err)
	return l.dropped + n - l.base
}

// How long after something a probe makes sure that events arrive. Each start
// of a program is a probe as well (see mustHear).
const (
	probeSeldom = 10 * time.Minute
	probeSoon   = time.Second // after a resync
)

func (s *Supervisor) probeIn(d time.Duration) {
	if s.ladder.first <= TrackEvents {
		s.check(s.timers.Set(deadline{ladder: &s.ladder}, s.now().Add(d)))
	}
}

// probe makes sure that events arrive, or tries to get back to the step that
// was lost.
func (s *Supervisor) probe() {
	l := &s.ladder
	if l.step > l.first {
		l.best = TrackBest
		s.climbAnew()
	} else if err := l.conn.Probe(s.observe); errors.Is(err, procconn.ErrOverflow) {
		l.lost = true
		s.probeIn(probeSoon)
	} else if err != nil {
		s.fall(err)
	} else {
		s.probeIn(probeSeldom)
	}
	s.catchUp()
}
