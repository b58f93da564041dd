package watch

import (
	"slices"
	"strings"

	"respawner/watch/settle"
)

// The variables that mark all processes of a service in their environment: its name, and
// what tells it from all others of that name.
const (
	markName = "RESPAWNER_SERVICE"
	markID   = "RESPAWNER_ID"
)

// marked returns an environment with the marks of a service. They come first, since of a very large environment only the
// beginning is read. The ID comes last as well: a program that writes its title over its environment begins at the front.
func marked(env []string, name, id string) []string {
	others := Unmarked(env)
	marks := []string{markName + "=" + name}
	if id == "" {
		return append(marks, others...)
	}
	id = markID + "=" + id
	return append(append(append(marks, id), others...), id)
}

// Unmarked returns an environment without the marks of any service.
func Unmarked(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return strings.HasPrefix(v, markName+"=") || strings.HasPrefix(v, markID+"=")
	})
}

// findOwner says of which service a process is that no process of a service is known to have
// begotten: an orphan that was found, or one of CLONE_PARENT. Where only its environment can tell
// that, it is said when that is read.
func (s *Host) findOwner(p *settle.Process) {
	if s.hasEnded(p) {
		s.table.Stirred(p)
	}
	u, parked, open := s.owner(p)
	if open && !s.hasEnded(p) {
		s.askMark(p)
		return
	}
	s.table.Owned(p, u, parked)
}

// findMarked is findOwner with the mark that was read of the process. All else may be different by now.
func (s *Host) findMarked(p *settle.Process, mark string) {
	if p.Life == settle.Buried { // its pidfd may be another one's by now
		return
	}
	u, parked, open := s.owner(p)
	if open {
		u = s.markedUnit(p, mark)
	}
	if u > settle.Unclaimed {
		parked = s.table.IsStarting(u)
	}
	s.table.Owned(p, u, parked)
}

// owner returns of which service a process is, or that it is open as far as all but its environment
// tells. What may be of a start under way waits until that has come out.
func (s *Host) owner(p *settle.Process) (u settle.Unit, parked, open bool) {
	starting := s.table.IsStarting(settle.Stranger) || slices.ContainsFunc(s.units, func(u *unit) bool { return s.table.IsStarting(u.id) })
	if len(s.units) == 1 && !s.mixed && s.trial == nil { // a trial may leave a child that comes to us
		return s.units[0].id, starting, false
	}
	sid, err := s.sessionOf(p.PID)
	if !s.isMeant(p) { // that may have been said of another process; without a pidfd p may wait for us to reap it all the same
		return settle.Unclaimed, starting && p.FD < 0, false
	}
	leads := err != nil || sid == p.PID || sid == s.session() // as the program of a start does, soon
	switch {
	case !leads:
		u = s.inSession(p, sid)
	case starting:
		parked = true
	}
	return u, parked || s.table.IsStarting(u), u == settle.Unclaimed
}

// isMeant reports whether what is said of a pid is said of p. For one that can't be opened now, its
// start time tells.
func (s *Host) isMeant(p *settle.Process) bool {
	if p.Life != settle.Unopened {
		return s.holdsPid(p)
	}
	stat, err := s.statOf(p.PID)
	return err != nil || p.IsStarted(stat.start)
}

// markedUnit returns of which service a process is by its mark: the stranger's, if it has none, or none can
// be read, and no service's if it has ended.
func (s *Host) markedUnit(p *settle.Process, mark string) settle.Unit {
	for _, u := range s.units {
		if u.name == mark {
			return u.id
		}
	}
	if stat, err := s.statOf(p.PID); s.hasEnded(p) || p.Life == settle.Unopened && (err != nil || stat.state == "Z") {
		return settle.Unclaimed
	}
	return settle.Stranger
}

// session returns our own session, 0 where that can't be told.
func (s *Host) session() int {
	sid, err := s.sessionOf(s.pid)
	if err != nil {
		return 0
	}
	return sid
}

// inSession returns of which service the other processes of a session are.
func (s *Host) inSession(p *settle.Process, sid int) settle.Unit {
	for _, q := range s.table.All() {
		if q == p || q.Unit <= settle.Unclaimed || q.Life != settle.Alive {
			continue
		}
		if other, err := s.sessionOf(q.PID); err == nil && other == sid && !s.hasEnded(q) {
			return q.Unit
		}
	}
	return settle.Unclaimed
}
