package watch

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// An upgrade in place: another binary is exec'ed in this very process, which
// stays the parent and the subreaper of all that it has followed. What the new
// one must know is handed over in writing, with the descriptors that are kept.

// handover is a record, and what a supervisor that was killed could not have
// left.
type handover struct {
	Record    record       `json:"record"`
	Claimed   int          `json:"claimed,omitempty"`
	Strangers []int        `json:"strangers,omitempty"`
	Mixed     bool         `json:"mixed,omitempty"`
	Dropped   uint32       `json:"dropped,omitempty"`
	Resyncs   int          `json:"resyncs,omitempty"`
	Peers     []peerRecord `json:"peers,omitempty"`
	Begun     []byte       `json:"begun,omitempty"` // of a line of the program's output
	Seq       int64        `json:"seq,omitempty"`   // of the last event that was told
	Lines     []byte       `json:"lines,omitempty"` // of the history, not yet written
}

// peerRecord is a client in writing; its descriptor stays open.
type peerRecord struct {
	FD   int    `json:"fd"`
	In   []byte `json:"in,omitempty"`
	Out  []byte `json:"out,omitempty"`
	What string `json:"what,omitempty"`
	Run  int    `json:"run,omitempty"`
}

// upgradeIfCalm has an upgrade that was asked for come about, at the end of a
// turn that has left nothing half done. It reports whether only errands are in
// its way: then no more are handed over.
func (s *Supervisor) upgradeIfCalm() (waits bool) {
	for _, u := range s.units {
		if u.server == nil || !u.server.upgrades() || u.outcome != nil {
			continue
		}
		r := &u.recorder
		switch {
		case s.errands.stuck(): // an exec waits until all other threads have ended
			u.server.upgradeFailed(errHangs)
		case !s.isCalm():
			r.last = false
		case !s.errands.idle():
			waits = true
		case r.file != nil && !r.last:
			r.last, waits = true, true
			s.writeRecord(u) // for the case that the new one is killed before it has read it
		default:
			u.server.upgradeFailed(s.upgrade(u))
		}
	}
	return waits
}

// isCalm tells whether nothing is half done.
func (s *Supervisor) isCalm() bool {
	return !s.early.waiting() && len(s.kills) == 0 && !s.ladder.unfinished() && !slices.ContainsFunc(s.ghosts, s.isFleeting)
}

// isFleeting tells whether a ghost can't be handed over. One for which there is
// only no descriptor can, if it will be known again; it may stay a ghost for as
// long as it lives.
func (s *Supervisor) isFleeting(p *process) bool {
	return p.gone || p.foreign && p.identity.PID == 0 && !s.hasMark(p.pid, p.unit)
}

// upgrade does not return unless it has failed; then nothing has changed.
func (s *Supervisor) upgrade(u *unit) error {
	if u.config.Exec == nil || len(s.units) > 1 {
		return errors.New("this supervisor can't exec another binary")
	}
	h := s.handOver(u)
	if u.output != nil {
		begun, resume, err := u.output.pause()
		if err != nil {
			return err
		}
		defer resume()
		h.Begun = begun
	}
	state, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("write the state of %s down: %w", u.name, err)
	}
	keep := []int{u.config.Control}
	for _, p := range h.Peers {
		keep = append(keep, p.FD)
	}
	if err := s.heedLastSignals(); err != nil {
		return err
	}
	return u.config.Exec(state, keep)
}

// heedLastSignals takes the signals that have come since the turn began. What
// any of them has changed is not in what is handed over, but for a child's death.
func (s *Supervisor) heedLastSignals() (err error) {
	s.check(s.signals.read(func(sig unix.Signal) {
		if sig != unix.SIGCHLD {
			err = fmt.Errorf("the supervisor got %s meanwhile", unix.SignalName(sig))
		}
		s.signalled(sig)
	}))
	return err
}

// offer is what a client needs to know to try the other binary.
func (u *unit) offer() *control.Upgrade {
	return &control.Upgrade{Binary: u.config.Binary, Args: os.Args, Version: u.config.Version}
}

func (s *Supervisor) handOver(u *unit) handover {
	h := handover{
		Record: s.recordOf(u), Claimed: u.claimed, Mixed: s.mixed, Dropped: s.droppedEvents(), Resyncs: s.ladder.resyncs,
		Seq: u.journal.seq, Lines: u.journal.lines,
	}
	h.Strangers = slices.Sorted(maps.Keys(s.strangers))
	for _, p := range u.server.peers {
		h.Peers = append(h.Peers, peerRecord{p.fd, p.in, p.out, p.waits.what, p.waits.run})
	}
	return h
}

// readHandover reads what the earlier binary handed over, and makes the unit's
// machine of it. If that makes no sense, what runs is gone on with as after the
// death of a supervisor.
func (u *unit) readHandover(now time.Time, uptime time.Duration) {
	err := json.Unmarshal(u.config.Resume.State, &u.handover)
	if v := u.handover.Record.V; err == nil && v != RecordVersion {
		err = fmt.Errorf("%w: %d", errOtherMaker, v)
	}
	var m *service.Machine
	if err == nil {
		u.handover.Record.rebase(now, uptime)
		m, err = service.Restore(u.config.Spec, u.handover.Record.Machine)
	}
	if err != nil {
		u.log.Error(u.name+": what the earlier binary has handed over can't be read", "error", err)
		u.config.Resume = &Resume{Then: ThenGoOn}
		return
	}
	u.machine = m
}

// takeOver is what begin does for a binary that was exec'ed in place. Dead
// children wait to be reaped; who was born meanwhile is looked for.
func (s *Supervisor) takeOver(u *unit) {
	h := u.handover
	s.takeRest(u, h)
	lost := s.adoptRecorded(u, h.Record)
	s.missed()
	s.childDied = true
	s.ladder.noted = s.monotonic() // this is no resync to tell of
	s.catchUp()
	s.adoptMarked(u) // who had been adopted before may have died since, and left somebody to init
	s.ladder.resyncs = h.Resyncs
	s.tellLost(u, lost)
	s.tell(u, service.Resume{})
	u.log.Info(fmt.Sprintf("%s: upgraded in place to %s", u.name, u.config.Version))
	s.note(u, control.Event{What: "upgraded", PID: u.machine.Gist().Main, Text: "to " + u.config.Version})
	u.server.upgraded()
	u.handover = handover{}
}

// takeRest takes over what is not the service's own.
func (s *Supervisor) takeRest(u *unit, h handover) {
	s.strangers = map[int]bool{}
	for _, pid := range h.Strangers {
		s.strangers[pid] = true
	}
	s.mixed, u.claimed, u.said = h.Mixed, h.Claimed, h.Record.Said
	u.started = cmp.Or(h.Record.Started, s.uptime())
	s.ladder.dropped = h.Dropped
	u.journal.seq, u.journal.lines = max(u.journal.seq, h.Seq), h.Lines // not all that was told was written down
	u.pidfile.touch()
	for _, q := range h.Peers {
		u.server.takePeer(q)
	}
}

func (v *server) takePeer(q peerRecord) {
	p := &peer{server: v, fd: q.FD, in: q.In, out: q.Out, waits: wait{q.What, q.Run}}
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

// upgrades tells whether somebody has asked for an upgrade.
func (v *server) upgrades() bool {
	return slices.ContainsFunc(v.peers, func(p *peer) bool { return p.waits.what == waitUpgrade })
}

func (v *server) upgradeFailed(why error) {
	v.u.recorder.last = false
	v.u.log.Warn(v.u.name+": the upgrade failed, going on as before", "error", why)
	v.endUpgrade(func(p *peer) error { return p.refuse(control.CodeFailed, why) })
}

// upgraded is called by the new binary when all is taken over.
func (v *server) upgraded() { v.endUpgrade((*peer).done) }

func (v *server) endUpgrade(answer func(*peer) error) {
	for _, p := range slices.Clone(v.peers) {
		if p.waits.what == waitUpgrade && answer(p) != nil {
			v.drop(p)
		}
	}
}
