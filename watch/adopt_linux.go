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
	rec, why := u.restore(s.now())
	u.said = rec.Said
	if why != nil {
		u.log.Warn(u.name+": going by the environment of its processes", "error", why)
	}
	s.wantRun(u)
	lost := s.adoptRecorded(u, rec)
	err := s.scanAll() // who is below them
	s.adoptMarked(u)
	if err = errors.Join(err, s.scanAll()); err != nil {
		s.fall(err)
	}
	text := fmt.Sprintf("%d processes taken over, %d have ended", len(s.procs), len(lost))
	u.log.Info(u.name + ": " + text)
	s.note(u, control.Event{What: "adopted", PID: u.machine.Gist().Main, Text: text})
	if u.config.Resume.Then == ThenStop {
		s.tell(u, service.Stop{})
	}
	for _, pid := range lost {
		s.tell(u, service.Exited{PID: pid})
	}
	s.tell(u, service.Resume{})
}

// wantRun tells a service that it is to run after all, if that was asked for:
// before it hears who has died, for that may be its end.
func (s *Supervisor) wantRun(u *unit) {
	switch state := u.machine.State(); {
	case u.config.Resume.Then != ThenRun:
	case state == service.Stopping:
		s.tell(u, service.Start{})
	case state == service.Running, state == service.Starting:
		s.tell(u, service.Reset{}) // else one crash more may be one too many
	}
}

// restore makes the unit's machine of what was written down, or else of
// nothing.
func (u *unit) restore(now time.Time) (record, error) {
	rec, err := readRecord(u.config.Resume.State, u.recorder.boot)
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
// others, but for those whose pid is somebody else's now: those are told of at
// once, for the new one may be found to be of the service.
func (s *Supervisor) adoptRecorded(u *unit, rec record) (lost []int) {
	known := map[int]identity{}
	for _, id := range rec.Procs {
		known[id.PID] = id
	}
	for _, q := range rec.Machine.Procs {
		switch err := s.adoptOne(u, q.PID, known[q.PID]); {
		case errors.Is(err, errOther):
			s.tell(u, service.Exited{PID: q.PID})
		case err != nil:
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
	fd, err := s.openPidfd(pid)
	if err != nil {
		return err // dead; or else there is no descriptor left for it, and it can't be followed
	}
	p := &process{pid: pid, unit: u, pidfd: -1, since: s.monotonic(), foreign: !s.descends(pid)}
	p.identity, err = identityOf(s.kernel, pid, fd)
	if errors.Is(err, errGone) && s.parentOf(pid) == s.pid {
		err = nil // dead, but it is still ours to reap, so it is nobody else
	}
	if err == nil && p.identity != was {
		err = errOther
	}
	if err != nil {
		s.check(s.closeFD(fd))
		return err
	}
	if err := s.admit(p, fd); err != nil {
		s.fall(err)
	}
	return nil
}

// adoptMarked takes up those that have the service's mark in their environment
// and were not written down, parents before children.
func (s *Supervisor) adoptMarked(u *unit) {
	if u.config.ID == "" {
		return
	}
	type found struct {
		pid   int
		start time.Duration
	}
	all, err := s.allPids()
	s.check(err)
	var marked []found
	for _, pid := range all {
		if pid == s.pid || s.procs[pid] != nil || s.markOf(pid, markID) != u.config.ID {
			continue
		}
		if stat, err := s.statOf(pid); err == nil && stat.state != "Z" {
			marked = append(marked, found{pid, stat.start})
		}
	}
	slices.SortFunc(marked, func(a, b found) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.pid, b.pid)) })
	for _, f := range marked {
		s.adoptFound(u, f.pid)
	}
}

// adoptFound takes up a process that the machine does not know of.
func (s *Supervisor) adoptFound(u *unit, pid int) {
	fd, err := s.openPidfd(pid)
	if err != nil {
		return
	}
	if s.markOf(pid, markID) != u.config.ID || s.isReadable(fd) { // it was not that one that was looked at
		s.check(s.closeFD(fd))
		return
	}
	p := &process{pid: pid, unit: u, pidfd: -1, since: s.monotonic(), foreign: !s.descends(pid)}
	if err := s.admit(p, fd); err != nil {
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
