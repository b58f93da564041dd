package watch

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"respawner/watch/control"
	"respawner/watch/service"
)

// When a supervisor was killed, its service runs on: without a parent that
// knows it, but known by what was written down, and by its environment.

// begin starts a service, or goes on with what an earlier supervisor has left.
func (s *Supervisor) begin(u *unit) {
	if u.config.Resume == nil {
		s.tell(u, service.Start{})
		return
	}
	if u.config.Resume.Upgraded {
		s.takeOver(u)
		return
	}
	s.adoptForest(u)
	if u.config.Resume.Then == ThenRun && u.machine.State() == service.Backoff {
		s.tell(u, service.Reset{})
	}
	switch g := u.machine.Gist(); {
	case g.State == service.Running, g.State == service.Backoff && u.config.Resume.Then == ThenGoOn:
		u.report(Report{PID: g.Main, TakenOver: true, Text: "it is in state " + g.State.String()})
	}
}

// adoptForest takes up who is left, tells the machine who is not, and has it
// go on.
func (s *Supervisor) adoptForest(u *unit) {
	rec, why := u.restore(s.now(), s.uptime())
	u.said, u.started = rec.Said, cmp.Or(rec.Started, s.uptime()) // where it is not known, it was before us
	if why != nil {
		u.log.Warn(u.name+": going by the environment of its processes", "error", why)
	}
	s.tellWish(u)
	lost := s.adoptRecorded(u, rec)
	s.adoptMarked(u)
	if err := s.scanAll(); err != nil { // who is below them
		s.fall(err)
	}
	s.catchUp() // from now on all is told of them, by a filter too
	text := fmt.Sprintf("%d processes taken over, %d have ended", len(s.procs), len(lost))
	u.log.Info(u.name + ": " + text)
	s.note(u, control.Event{What: "adopted", PID: u.machine.Gist().Main, Text: text})
	s.tellLost(u, lost)
	s.tell(u, service.Resume{})
}

// tellLost tells a service which of its processes have ended while nobody
// watched.
func (s *Supervisor) tellLost(u *unit, lost []int) {
	for _, pid := range lost {
		s.tellExited(u, service.Exited{PID: pid})
	}
}

// tellWish tells a service what it is to do, if that is another thing than to go
// on: before it hears who has died, for that may be its end, or lead to a start.
func (s *Supervisor) tellWish(u *unit) {
	then, state := u.config.Resume.Then, u.machine.State()
	switch {
	case then == ThenStop:
		s.tell(u, service.Stop{})
	case then != ThenRun:
	case state == service.Stopping:
		s.tell(u, service.Start{})
	case state == service.Running, state == service.Starting:
		s.tell(u, service.Reset{}) // else one crash more may be one too many
	}
}

// restore makes the unit's machine of what was written down, or else of
// nothing.
func (u *unit) restore(now time.Time, uptime time.Duration) (record, error) {
	rec, err := readRecord(u.config.Resume.State, u.recorder.boot)
	rec.rebase(now, uptime)
	over := false
	if err == nil {
		var m *service.Machine
		m, err = service.Restore(u.config.Spec, rec.Machine)
		over = err == nil && (m.State() == service.Stopped || m.State() == service.Failed)
		if err == nil && !over {
			u.machine = m
			return rec, nil
		}
	}
	then := u.config.Resume.Then
	rec = record{Machine: u.nothing(now, then == ThenStop || over && then == ThenGoOn)}
	u.machine, _ = service.Restore(u.config.Spec, rec.Machine) // which makes sense
	return rec, err
}

// nothing is a service of which nothing is known: one whose start is under way,
// or that is being ended.
func (u *unit) nothing(now time.Time, ending bool) service.Saved {
	s := service.Saved{
		State: service.Starting, Since: now, Run: 1, Spawning: true,
		Programs: []service.Program{programFrom(&u.program)},
	}
	if ending {
		s.State, s.Spawning, s.Text = service.Stopping, false, u.name+" was stopped"
	}
	return s
}

// adoptRecorded takes up those who were written down and live. It returns the
// others, of whom the machine must not hear before all who live are known: it
// would start another instance beside them.
func (s *Supervisor) adoptRecorded(u *unit, rec record) (lost []int) {
	known := map[int]identity{}
	for _, id := range rec.Procs {
		known[id.PID] = id
	}
	for _, q := range rec.Machine.Procs {
		if err := s.adoptOne(u, q.PID, known[q.PID]); err != nil {
			lost = append(lost, q.PID)
		}
	}
	slices.Reverse(lost) // children first
	return lost
}

// errOther is what adoptOne returns for a pid that was given away.
var errOther = errors.New("another process has the pid")

// adoptOne takes up a process that the machine knows of, if it is still the
// one that was written down.
func (s *Supervisor) adoptOne(u *unit, pid int, was identity) error {
	p := &process{pid: pid, unit: u, pidfd: -1, since: s.monotonic(), foreign: !s.descends(pid), identity: was}
	fd, err := s.openPidfd(pid)
	switch {
	case errors.Is(err, errGone):
		return err
	case err != nil: // it lives, but there is no descriptor for it now
		err = s.admitUnopened(p, err)
	default:
		if err := s.verify(p, fd); err != nil {
			s.check(s.closeFD(fd))
			return err
		}
		err = s.admit(p, fd)
	}
	if err != nil {
		s.fall(err)
	}
	s.lookAt(p) // it may have exec'ed while nobody watched
	return nil
}

// verify tells whether a pidfd is of the process that was written down; where
// its identity was not, by its descent or its mark. The error is errOther if it
// is another one, or says why that can't be told.
func (s *Supervisor) verify(p *process, pidfd int) error {
	if p.identity.PID == 0 {
		if p.foreign && !s.hasMark(p.pid, p.unit) {
			return errOther
		}
		return nil
	}
	if pidfd < 0 { // there is no descriptor for it now
		if stat, err := s.statOf(p.pid); err == nil && stat.start != p.identity.Start {
			return errOther
		}
		return nil
	}
	now, err := identityOf(s.kernel, p.pid, pidfd)
	if errors.Is(err, errGone) && s.parentOf(p.pid) == s.pid {
		err = nil // dead, but it is still ours to reap, so all of that was said of itself
	}
	if err == nil && now != p.identity {
		return errOther
	}
	return err
}

// adoptMarked takes up those that have the service's mark in their environment
// and are not known. Who ends while /proc is read may have left a child behind
// what was read by then, so it is read again until nobody new is found, and
// nobody has ended; or often enough.
func (s *Supervisor) adoptMarked(u *unit) {
	if u.config.ID == "" {
		return
	}
	var mute map[int]bool
	for range maxPasses {
		marked, stillMute, former := s.readMarks(u)
		for _, pid := range marked {
			if s.procs[pid] == nil {
				s.adoptFound(u, pid)
			}
		}
		for _, p := range former {
			s.buryAside(p)
		}
		sure := len(marked) == 0
		for pid := range stillMute {
			sure = sure && mute[pid]
		}
		if sure {
			return
		}
		mute = stillMute
	}
}

// readMarks looks for those in /proc that are not known, parents before
// children; mute are those whose environment can't be read, for one because they
// are dead; former are those who had the pid of another one.
func (s *Supervisor) readMarks(u *unit) (marked []int, mute map[int]bool, former []*process) {
	all, err := s.allPids()
	s.check(err)
	mute = map[int]bool{}
	start := map[int]time.Duration{}
	for _, pid := range all {
		if p := s.setAside(pid); p != nil {
			former = append(former, p)
		}
		if pid == s.pid || s.procs[pid] != nil {
			continue
		}
		mark, err := s.markOf(pid, markID)
		stat, errStat := s.statOf(pid)
		switch {
		case err != nil || errStat != nil || stat.state == "Z":
			mute[pid] = true
		case mark == u.config.ID:
			marked, start[pid] = append(marked, pid), stat.start
		}
	}
	slices.SortFunc(marked, func(a, b int) int { return cmp.Or(cmp.Compare(start[a], start[b]), cmp.Compare(a, b)) })
	return marked, mute, former
}

// hasForeign tells whether a service has processes that don't descend from us.
func (s *Supervisor) hasForeign(u *unit) bool {
	return s.isThere(func(p *process) bool { return p.unit == u && p.foreign })
}

// findOrphans looks for the children of a dead process that did not descend from
// us. They are init's now, so if nobody has told of their birth only the mark
// does; where births are told that is of use when nobody else is left.
func (s *Supervisor) findOrphans(p *process) {
	isOther := func(q *process) bool { return q != p && q.unit == p.unit }
	told := s.ladder.step == TrackKernelSet || s.ladder.step == TrackEvents
	if told && !s.ladder.lost && s.isThere(isOther) {
		return
	}
	s.adoptMarked(p.unit)
}

// adoptFound takes up a process that the machine does not know of.
func (s *Supervisor) adoptFound(u *unit, pid int) {
	p := &process{pid: pid, unit: u, pidfd: -1, since: s.monotonic(), foreign: !s.descends(pid)}
	fd, err := s.openPidfd(pid)
	switch {
	case errors.Is(err, errGone):
		return
	case err != nil:
		err = s.admitUnopened(p, err)
	case !s.hasMark(pid, u) || s.isReadable(fd): // it was not that one that was looked at
		s.check(s.closeFD(fd))
		return
	default:
		err = s.admit(p, fd)
	}
	if err != nil {
		s.fall(err)
	}
	if !u.machine.Spawning() { // else the first of them is what was started
		s.tell(u, service.Forked{Parent: s.parentIn(pid), Child: pid})
		s.lookAt(p)
		return
	}
	s.tell(u, service.Spawned{Run: u.machine.Run(), PID: pid, Program: s.programOf(pid)})
}

// Leftover is what a supervisor that has died has left, by what it wrote down.
type Leftover struct {
	Main   int    // the main process, 0 if that has ended
	PIDs   []int  // all that it knew of and that live, roots first
	Output string // where the program's output is kept, as in Output.Name
}

// Left reads what a dead supervisor wrote down. The error says why it can't be
// told from that.
func Left(state []byte) (Leftover, error) {
	var k linux
	rec, err := readRecord(state, k.bootID())
	left := Leftover{Output: rec.Output, PIDs: []int{}}
	if errors.Is(err, errOtherBoot) {
		return left, nil
	}
	for _, id := range rec.Procs {
		fd, err := k.openPidfd(id.PID)
		if err != nil {
			continue
		}
		if now, err := identityOf(k, id.PID, fd); err == nil && now == id {
			left.PIDs = append(left.PIDs, id.PID)
		}
		_ = k.closeFD(fd)
	}
	if slices.Contains(left.PIDs, rec.Machine.Main) {
		left.Main = rec.Machine.Main
	}
	return left, err
}
