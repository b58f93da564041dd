package watch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// tell tells a service what happened, and does what it answers.
func (s *Supervisor) tell(u *unit, ev service.Event) {
	for _, e := range u.machine.Step(time.Now(), ev) {
		s.do(u, e)
	}
}

// do does one effect. Nothing in it tells the service anything: what comes of
// an effect is an event of a later turn.
func (s *Supervisor) do(u *unit, e service.Effect) {
	switch e := e.(type) {
	case service.Spawn:
		u.clearPidfile()
		s.early.begin()
		s.spawner.start(u, e.Run)
	case service.Kill:
		if p := s.procs[e.PID]; p != nil {
			s.kills = append(s.kills, kill{p, e.Hard})
		}
	case service.Arm:
		s.check(s.timers.Set(deadline{unit: u, timer: e.Timer}, e.At))
	case service.Disarm:
		s.check(s.timers.Clear(deadline{unit: u, timer: e.Timer}))
	case service.Log:
		u.say(e)
	case service.Up:
		u.report(Report{PID: e.PID})
	case service.Retrying:
		u.report(Report{Status: 1, Text: e.Text})
	case service.Done:
		u.outcome = &e
		u.report(Report{Status: e.Status, Text: e.Text, Ended: true})
		u.server.farewell()
	}
}

func (u *unit) say(l service.Log) {
	if l.Warn {
		u.log.Warn(l.Text)
	} else {
		u.log.Info(l.Text)
	}
}

// report tells the first outcome of a start.
func (u *unit) report(r Report) {
	if tell := u.config.Report; tell != nil {
		u.config.Report = nil
		tell(r)
	}
}

// kill is a signal that is to be sent to a process.
type kill struct {
	p    *process
	hard bool
}

// signal sends the first n signals that wait. They wait because a pidfd may
// have been opened too late, on a stranger that got the pid: the birth of that
// one is then still in the queue.
func (s *Supervisor) signal(n int) {
	kills := s.kills[:n]
	s.kills = slices.Clone(s.kills[n:])
	for _, k := range kills {
		if s.procs[k.p.pid] != k.p || k.p.gone {
			continue // dead
		}
		if k.p.pidfd < 0 {
			s.kills = append(s.kills, k) // never by the bare pid
			continue
		}
		if err := k.send(); err != nil {
			k.p.unit.log.Warn(fmt.Sprintf("pid %d can't be signalled", k.p.pid), "error", err)
		}
	}
}

// send sends TERM, with CONT after it for a process that is stopped, or KILL.
func (k kill) send() error {
	if k.hard {
		return send(k.p.pidfd, unix.SIGKILL)
	}
	return errors.Join(send(k.p.pidfd, unix.SIGTERM), send(k.p.pidfd, unix.SIGCONT))
}

// spawned takes the outcome of a start from the spawner, and then the events
// that had to wait for it.
func (s *Supervisor) spawned() {
	s.spawner.wake.clear()
	for out, ok := s.spawner.take(); ok; out, ok = s.spawner.take() {
		held, whole := s.early.end()
		s.begun(out)
		for _, ev := range held {
			if out.err == nil {
				s.observe(ev)
			}
		}
		s.lost = s.lost || !whole
		s.catchUp()
		s.named(out.unit) // it may have been written before its pid was known
	}
	s.childDied = true // perhaps one that was passed over while it could have been the program
}

func (s *Supervisor) begun(out spawned) {
	u := out.unit
	if out.err != nil {
		s.tell(u, u.program.failure(out.run, out.err))
		return
	}
	p := &process{pid: out.pid, unit: u, pidfd: -1, since: monotonic()}
	s.procs[out.pid] = p
	if err := s.watch(p, out.pidfd); err != nil {
		s.open(p)
	}
	program := programOf(out.pid)
	if program.File == "" {
		program = programFrom(&u.program)
	}
	s.tell(u, service.Spawned{Run: out.run, PID: out.pid, Program: program})
}

// makePidfile opens the room of the daemon's pidfile, if it has one.
func (u *unit) makePidfile(s *Supervisor) func() error {
	return func() (err error) {
		if u.config.Pidfile == "" {
			return nil
		}
		if u.pidfile, err = newPidfile(u.config.Pidfile); err != nil {
			u.log.Warn("what the pidfile "+u.config.Pidfile+" will say is not seen", "error", err)
			return nil
		}
		_, err = s.loop.add(rankPidfile, u.pidfile.fd, unix.EPOLLIN, func(uint32) {
			u.pidfile.drain()
			s.named(u)
		})
		return err
	}
}

// named reads the pidfile, if there is one, which may have changed.
func (s *Supervisor) named(u *unit) {
	if u.pidfile == nil {
		return
	}
	pid, err := u.pidfile.read()
	if err == nil && s.procs[pid] == nil {
		s.catchUp() // who has just written it may be just born
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return
	case err == nil && pid == u.claimed:
		u.note = "" // it was wrong, or empty, in between
	case errors.Is(err, errPidfileEmpty): // for now
		u.note = fmt.Sprintf("pidfile %s is empty: ignored", u.pidfile.path)
	case err != nil:
		u.noteOnce(fmt.Sprintf("pidfile %s %v: ignored", u.pidfile.path, err))
	case s.procs[pid] == nil || s.procs[pid].unit != u:
		u.noteOnce(fmt.Sprintf("pidfile %s names pid %d, which is no process of %s: ignored", u.pidfile.path, pid, u.name))
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

// clearPidfile makes way for a start.
func (u *unit) clearPidfile() {
	if u.pidfile == nil {
		return
	}
	removed, err := u.pidfile.removeStale(u.claimed)
	u.claimed, u.note = 0, ""
	switch {
	case err != nil:
		u.noteOnce(err.Error())
	case removed:
		u.log.Info("removed the stale pidfile " + u.pidfile.path)
	}
}

func (u *unit) close() error {
	var errs []error
	if u.pidfile != nil {
		errs = append(errs, u.pidfile.close())
	}
	if u.server != nil {
		errs = append(errs, u.server.close())
	}
	return errors.Join(errs...)
}
