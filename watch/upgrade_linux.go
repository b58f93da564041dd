package watch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
	"respawner/watch/settle"
)

// An upgrade in place: another binary is exec'ed in this very process, which stays the parent
// and the subreaper of all that it has followed. What the new one must know is handed over in
// writing, with the descriptors that are kept.

// handover is what a host hands over to another binary.
type handover struct {
	Strangers []int          `json:"strangers,omitempty"`
	Mixed     bool           `json:"mixed,omitempty"`
	Dropped   uint32         `json:"dropped,omitempty"`
	Resyncs   int            `json:"resyncs,omitempty"`
	Units     []unitHandover `json:"units"`
}

// unitHandover is a record of a service, and what a supervisor that was killed could not have
// left.
type unitHandover struct {
	Name    string        `json:"name"`
	Record  record        `json:"record"`
	Outcome *service.Done `json:"outcome,omitempty"` // of a service that has ended
	Claimed int           `json:"claimed,omitempty"`
	Peers   []peerRecord  `json:"peers,omitempty"`
	Begun   []byte        `json:"begun,omitempty"` // of a line of the program's output
	Seq     int64         `json:"seq,omitempty"`   // of the last event that was told
	Lines   []byte        `json:"lines,omitempty"` // of the history, not yet written
}

// peerRecord is a client in writing; its descriptor stays open.
type peerRecord struct {
	FD   int    `json:"fd"`
	In   []byte `json:"in,omitempty"`
	Out  []byte `json:"out,omitempty"`
	What string `json:"what,omitempty"`
	Run  int    `json:"run,omitempty"`
}

// upgradeIfCalm has an upgrade that was asked for come about, at the end of a turn that has left
// nothing half done. It reports whether only errands are in its way: then no more are handed
// over.
func (s *Host) upgradeIfCalm() (waits bool) {
	if !slices.ContainsFunc(s.units, (*unit).upgrades) {
		s.forgetTrial()
		return false
	}
	if s.errands.stuck() { // an exec waits until all other threads have ended
		s.upgradeFailed(errHangs)
		return false
	}
	tried, err := s.tried()
	switch {
	case err != nil:
		s.forgetTrial()
		s.upgradeFailed(err)
	case !tried:
	case !s.isCalm():
		for _, u := range s.units {
			u.recorder.last = false
		}
	case !s.errands.idle(), s.recordLast():
		return true
	default:
		s.upgradeFailed(s.upgrade())
	}
	return false
}

// recordLast writes the services down for the case that the new binary is killed before it has
// read what is handed over; it reports whether there was something to write.
func (s *Host) recordLast() (wrote bool) {
	for _, u := range s.units {
		if r := &u.recorder; r.file != nil && !r.last && u.outcome == nil {
			r.last, wrote = true, true
			s.writeRecord(u)
		}
	}
	return wrote
}

// isCalm reports whether nothing is half done.
func (s *Host) isCalm() bool {
	return s.table.IsCalm() && !slices.ContainsFunc(s.units, func(u *unit) bool { return u.machine.Spawning() }) &&
		!slices.ContainsFunc(s.kills, func(k kill) bool { return k.p.Life != settle.Unopened })
}

// upgrade does not return unless it has failed; then nothing has changed.
func (s *Host) upgrade() error {
	exec := s.config.Exec
	if exec == nil {
		return errors.New("this supervisor can't exec another binary")
	}
	h := s.handOver()
	var keep []int
	for i, u := range s.units {
		begun, resume, err := u.pauseOutput()
		if err != nil {
			return err
		}
		defer resume()
		h.Units[i].Begun = begun
		keep = append(keep, u.kept()...)
	}
	state, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write down what is handed over: %w", err)
	}
	resume, err := s.signals.hold()
	defer resume()
	if err == nil {
		err = s.heedLastSignals()
	}
	if err != nil {
		return err
	}
	return exec(state, keep)
}

// pauseOutput has the room of a program's output rest; it returns the beginning of a line that
// is in its hands.
func (u *unit) pauseOutput() (begun []byte, resume func(), err error) {
	if u.output == nil {
		return nil, func() {}, nil
	}
	return u.output.pause()
}

// kept returns the descriptors that the new binary needs.
func (u *unit) kept() (fds []int) {
	if u.server == nil {
		return nil
	}
	if u.config.Control >= 0 {
		fds = append(fds, u.config.Control)
	}
	for _, p := range u.server.peers {
		fds = append(fds, p.fd)
	}
	return fds
}

// heedLastSignals takes the signals that have come since the turn began. What any of them has
// changed is not in what is handed over, but for a child's death.
func (s *Host) heedLastSignals() (err error) {
	s.check(s.signals.read(func(sig unix.Signal) {
		if sig != unix.SIGCHLD {
			err = fmt.Errorf("the supervisor got %s meanwhile", unix.SignalName(sig))
		}
		s.signalled(sig)
	}))
	return err
}

// offer is what a client needs to know to try the other binary.
func (s *Host) offer() *control.Upgrade {
	return &control.Upgrade{Binary: s.config.Binary, Args: os.Args, Version: s.config.Version}
}

func (s *Host) handOver() handover {
	s.forgetTrial()
	h := handover{Mixed: s.mixed, Dropped: s.droppedEvents(), Resyncs: s.ladder.resyncs}
	for _, p := range s.table.All() {
		if up := s.table.Process(p.Parent()); p.Unit == settle.Stranger && (up == nil || up.Unit != settle.Stranger) {
			h.Strangers = append(h.Strangers, p.PID)
		}
	}
	for _, u := range s.units {
		h.Units = append(h.Units, s.handOverUnit(u))
	}
	return h
}

func (s *Host) handOverUnit(u *unit) unitHandover {
	h := unitHandover{
		Name: u.name, Record: s.recordOf(u), Outcome: u.outcome, Claimed: u.claimed, Seq: u.journal.seq, Lines: u.journal.lines,
	}
	if u.server == nil {
		return h
	}
	for _, p := range u.server.peers {
		h.Peers = append(h.Peers, peerRecord{p.fd, p.in, p.out, p.waits.what, p.waits.run})
	}
	return h
}

// readHandover reads what the earlier binary handed over, and makes the unit's machine of it. If
// that makes no sense, what runs is gone on with as after the death of a supervisor.
func (u *unit) readHandover(state []byte, now time.Time, uptime time.Duration) {
	h, err := u.findHandover(state)
	var m *service.Machine
	if err == nil {
		h.Record.rebase(now, uptime)
		m, err = service.Restore(u.config.Spec, h.Record.Machine)
	}
	if err != nil {
		u.log.Error(u.name+": what the earlier binary has handed over can't be read", "error", err)
		u.config.Resume = &Resume{Then: ThenGoOn}
		return
	}
	u.handover, u.machine, u.outcome = h, m, h.Outcome
}

func (u *unit) findHandover(state []byte) (unitHandover, error) {
	var all handover
	if err := json.Unmarshal(state, &all); err != nil {
		return unitHandover{}, err
	}
	i := slices.IndexFunc(all.Units, func(h unitHandover) bool { return h.Name == u.name })
	if i < 0 {
		return unitHandover{}, errNoRecord
	}
	if v := all.Units[i].Record.V; v != RecordVersion {
		return unitHandover{}, fmt.Errorf("%w: %d", errOtherMaker, v)
	}
	return all.Units[i], nil
}

// takeOverHost takes over what is not a service's own from the binary that was exec'ed over.
func (s *Host) takeOverHost(state []byte) {
	var h handover
	if err := json.Unmarshal(state, &h); err != nil {
		return // each service says so
	}
	for _, pid := range h.Strangers {
		s.table.Strange(pid)
	}
	s.mixed, s.ladder.dropped, s.ladder.resyncs = h.Mixed, h.Dropped, h.Resyncs
	s.childDied = true
	s.table.Missed()
	s.ladder.asked = true
}

// takeOver is what begin does for a binary that was exec'ed in place. Dead children wait to be
// reaped; those that were born meanwhile are looked for.
func (s *Host) takeOver(u *unit) {
	h := u.handover
	u.claimed, u.said, u.started = h.Claimed, h.Record.Said, cmp.Or(h.Record.Started, s.uptime())
	u.see(h.Record.Users)
	u.journal.seq = max(u.journal.seq, h.Seq) // not all that was told was written down
	u.journal.lines = h.Lines
	for _, q := range h.Peers {
		u.server.takePeer(q)
	}
	if u.outcome != nil {
		return // it has ended
	}
	u.pidfile.touch() // it may have changed meanwhile
	u.adopting = true
	s.table.Adopt(u.id, h.Record.settled())
}

// tookOver has the machine go on: all is known that the earlier binary has handed over.
func (s *Host) tookOver(u *unit) {
	u.handover = unitHandover{}
	s.tell(u, service.Resume{})
	u.log.Info(fmt.Sprintf("%s: upgraded in place to %s", u.name, s.config.Version))
	s.note(u, control.Event{What: "upgraded", PID: u.machine.Gist().Main, Text: "to " + s.config.Version})
	u.server.upgraded()
}

func (v *server) takePeer(q peerRecord) {
	p, _ := v.meet(q.FD)
	p.in, p.out, p.waits = q.In, q.Out, wait{q.What, q.Run}
	unix.CloseOnExec(q.FD)
	slot, err := v.s.loop.add(rankControl, q.FD, unix.EPOLLIN|unix.EPOLLOUT, p.ready)
	if err != nil {
		v.s.check(errors.Join(err, unix.Close(q.FD)))
		return
	}
	p.slot, p.full = slot, true // until it is found to take more
	v.peers = append(v.peers, p)
	if v.touch(p); p.waits.what != "" {
		v.s.check(v.s.timers.Clear(deadline{peer: p}))
	}
}

// upgrades reports whether a client has asked for an upgrade.
func (u *unit) upgrades() bool {
	return u.server != nil && slices.ContainsFunc(u.server.peers, func(p *peer) bool { return p.waits.what == waitUpgrade })
}

// upgradeFailed tells those that have asked for an upgrade why it has not come about.
func (s *Host) upgradeFailed(why error) {
	for _, u := range s.units {
		u.recorder.last = false
		if !u.upgrades() {
			continue
		}
		u.log.Warn(u.name+": the upgrade failed, going on as before", "error", why)
		u.server.endUpgrade(func(p *peer) error { return p.refuse(control.CodeFailed, why) })
	}
}

// upgraded is called by the new binary when all is taken over.
func (v *server) upgraded() {
	if v != nil {
		v.endUpgrade((*peer).done)
	}
}

func (v *server) endUpgrade(answer func(*peer) error) {
	for _, p := range slices.Clone(v.peers) {
		if p.waits.what == waitUpgrade && answer(p) != nil {
			v.drop(p)
		}
	}
}
