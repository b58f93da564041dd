package watch

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// makePidfile opens the room of the daemon's pidfile, if it has one.
func (u *unit) makePidfile(s *Host) func() error {
	return func() (err error) {
		if u.config.Pidfile == "" {
			return nil
		}
		if u.pidfile, err = newPidfile(u.config.Pidfile, &s.errands.paths); err != nil {
			u.log.Warn("what the pidfile "+u.config.Pidfile+" will say is not seen", "error", err)
			return nil
		}
		p := u.pidfile
		s.errands.run(&p.lane, pathPatience, func() func() { p.watch(); return p.touch }, nil) // it may be there already
		p.slot, err = s.loop.add(rankPidfile, p.fd, unix.EPOLLIN, func(uint32) { p.drain() })
		return err
	}
}

// pathPatience is how long a pidfile's path may take before that is told.
const pathPatience = time.Second

// readPidfile has the pidfile read, if there is one that may have changed. Not
// during a start, which may be about to remove it; that it is over is a reason
// to read. Nor while it is not known yet which processes an earlier supervisor has left.
func (s *Host) readPidfile(u *unit) {
	p, run := u.pidfile, u.machine.Run()
	if p == nil || !p.changed || p.lane.busy() || u.machine.Spawning() || u.adopting {
		return
	}
	p.changed = false
	s.errands.run(&p.lane, pathPatience, func() func() {
		r := p.look()
		return func() {
			if u.machine.Run() == run { // else it may have been that of the run before
				s.named(u, r)
			}
		}
	}, func() {
		p.touch() // when it answers again
		u.noteOnce(fmt.Sprintf("pidfile %s can't be read, %v: ignored", p.path, errHangs))
	})
}

// named takes what was read from the pidfile.
func (s *Host) named(u *unit, r pidfileRead) {
	pid, err := r.pid, r.err
	why := ""
	if err == nil && s.table.Known(u.id, pid) == nil {
		s.readBirths() // the process that has just written it may be just born
		s.settle()
	}
	if err == nil && s.table.Process(pid) == nil && u.awaitsName() && !s.table.IsStarting(u.id) {
		why = s.acquire(u, r)
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		u.note = ""
	case err == nil && pid == u.claimed:
		u.note = "" // it was wrong, or empty, in between
	case errors.Is(err, errPidfileEmpty): // for now
		u.note = fmt.Sprintf("pidfile %s is empty: ignored", u.pidfile.path)
	case err != nil:
		u.noteOnce(fmt.Sprintf("pidfile %s %v: ignored", u.pidfile.path, err))
	case s.table.Known(u.id, pid) == nil:
		u.noteOnce(fmt.Sprintf("pidfile %s names pid %d, which is no process of %s%s: ignored", u.pidfile.path, pid, u.name, why))
	default:
		u.note, u.claimed = "", pid
		s.tell(u, service.Named{PID: pid})
	}
}

// noteOnce tells what is wrong with the pidfile, once.
func (u *unit) noteOnce(text string) {
	if u.note != text {
		u.note = text
		u.log.Warn(text)
	}
}

// clearedPidfile takes what a start has done with the pidfile of the run before.
func (u *unit) clearedPidfile(removed bool, err error) {
	switch {
	case err != nil:
		u.noteOnce(err.Error())
	case removed:
		u.log.Info("removed the stale pidfile " + u.pidfile.path)
	}
}

// awaitsName reports whether a process may still be taken into the service.
func (u *unit) awaitsName() bool {
	state := u.machine.State()
	return state == service.Starting || state == service.Running
}

// acquire takes a process into the service that the pidfile names, and that is not known:
// where nothing could tell of its birth, or because another program has started it. It returns
// why it did not, as the end of a sentence.
func (s *Host) acquire(u *unit, r pidfileRead) (why string) {
	pid := r.pid
	stat, err := s.statOf(pid)
	if s.isGone(pid) {
		return "" // there is no more to be said
	}
	if err == nil && !s.descends(pid) {
		err = s.mayAcquire(u, r, stat)
	}
	if err != nil {
		return fmt.Sprintf(" (%v)", err)
	}
	s.table.Seek(u.id, pid, stat.start)
	s.settle()
	return ""
}

// descends reports whether a process is below us.
func (s *Host) descends(pid int) bool {
	for range 1000 { // a bound for what changes as it is read
		if pid <= 1 {
			return false
		}
		if p := s.table.Process(pid); p != nil && p.Unit == settle.Stranger {
			return false
		}
		if pid = s.parentOf(pid); pid == s.pid {
			return true
		}
	}
	return false
}

// mayAcquire reports whether the pidfile can be trusted with a process that does
// not descend from us: no user but root and ours can have written it, and the
// process was born after our start.
func (s *Host) mayAcquire(u *unit, r pidfileRead, stat procStat) error {
	switch {
	case r.pid == s.pid:
		return errors.New("it is the supervisor")
	case u.config.Spec.Follow == service.FollowOff:
		return errors.New("with --no-follow-forks it would have to be the program itself")
	case r.trusted != nil:
		return r.trusted
	}
	if stat.start+userTick <= u.started {
		return errors.New("it was there before the start")
	}
	return nil
}
