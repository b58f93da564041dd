package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/watch/service"
)

// tell tells a service what happened, and does what it answers. What is to be
// said can wait: its writer would be in the way of a program that is started.
func (s *Supervisor) tell(u *unit, ev service.Event) {
	var said []service.Log
	before := u.machine.Gist()
	for _, e := range u.machine.Step(s.now(), ev) {
		if l, ok := e.(service.Log); ok {
			said = append(said, l)
		} else {
			s.do(u, e)
		}
	}
	for _, l := range said {
		u.say(l)
	}
	now := u.machine.Gist()
	if now.State != before.State {
		u.server.lookAll()
	}
	u.recorder.told(before, now, ev)
}

// do does one effect. Nothing in it tells the service anything: what comes of
// an effect is an event of a later turn.
func (s *Supervisor) do(u *unit, e service.Effect) {
	switch e := e.(type) {
	case service.Spawn:
		u.started, u.begun = s.uptime(), s.now()
		s.early.begin()
		s.spawner.start(u, e.Run)
		u.claimed, u.note = 0, ""
	case service.Kill:
		if p := s.procs[e.PID]; p != nil {
			s.kills = append(s.kills, kill{p, e.Hard})
		}
	case service.Arm:
		s.check(s.timers.Set(deadline{unit: u, timer: e.Timer}, e.At))
	case service.Disarm:
		s.check(s.timers.Clear(deadline{unit: u, timer: e.Timer}))
	case service.Note:
		if e.What == service.NoteStuck {
			e.Text = s.whyStuck(u)
			u.log.Warn(u.name + ": " + e.Text)
		}
		s.heedWords(u, e.What)
		if u.heeds(e.What) {
			s.note(u, noteOf(e))
		}
	case service.Up:
		u.report(Report{PID: e.PID})
	case service.Retrying:
		s.explain(u, Report{Status: 1, Text: e.Text})
	case service.Done:
		u.outcome = &e
		s.explain(u, Report{Status: e.Status, Text: e.Text, Ended: true})
	}
}

func (u *unit) say(l service.Log) {
	if l.Warn {
		u.log.Warn(l.Text)
	} else {
		u.log.Info(l.Text)
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
		if s.isStranger(k.p) {
			s.finish(k.p, k.p.exit)
			continue
		}
		if k.p.refused = s.sendKill(k); k.p.refused != nil {
			k.p.unit.log.Warn(fmt.Sprintf("pid %d can't be signalled", k.p.pid), "error", k.p.refused)
		}
	}
}

// isStranger tells whether a process's pid was given away before its pidfd was
// opened, and that to one whose own birth was not told yet.
func (s *Supervisor) isStranger(p *process) bool {
	if s.belongs(p) || s.hasEnded(p) {
		return false
	}
	stat, err := s.statOf(p.pid)
	return err == nil && !s.isOrphan(p, stat)
}

// isOrphan tells whether a process that does not descend from us, and whose
// environment tells nothing, is who was born of the service: the set has it, and
// it is not younger than that.
func (s *Supervisor) isOrphan(p *process, stat procStat) bool {
	return p.foreign && s.ladder.set != nil && s.isStill(p) && stat.start <= s.uptimeAt(p.since)
}

// sendKill sends TERM, with CONT after it for a process that is stopped, or KILL.
func (s *Supervisor) sendKill(k kill) error {
	if k.hard {
		return s.sendSignal(k.p.pidfd, unix.SIGKILL)
	}
	if err := s.sendSignal(k.p.pidfd, unix.SIGTERM); err != nil {
		return err
	}
	return s.sendSignal(k.p.pidfd, unix.SIGCONT)
}

// spawned takes the outcome of a start from the spawner, and then the events
// that had to wait for it.
func (s *Supervisor) spawned() {
	s.spawner.clear()
	for out, ok := s.spawner.take(); ok; out, ok = s.spawner.take() {
		s.catchUp()
		s.mustHear(out)
		held, whole := s.early.end()
		whole = whole && (out.err == nil || len(s.units) == 1) // else some may be of another start
		s.begun(out)
		for _, ev := range held {
			if out.err == nil {
				s.observe(ev)
			}
		}
		s.ladder.lost = s.ladder.lost || !whole
		s.catchUp()
		for _, u := range s.units {
			u.pidfile.touch() // it may have been written before the pid was known
		}
	}
	s.unparkAll()
	s.childDied = true // perhaps one that was passed over while it could have been the program
}

// mustHear is a probe: the birth of a program that we have started ourselves
// must have been told by now.
func (s *Supervisor) mustHear(out spawned) {
	l := &s.ladder
	if l.conn != nil && l.emptied && !l.lost && out.err == nil && !s.early.heard(out.pid) {
		s.fall(procconn.ErrDeaf)
	}
}

func (s *Supervisor) begun(out spawned) {
	u := out.unit
	u.cleaned(out.removed, out.unclean)
	u.clearedPidfile(out.unnamed, out.named)
	if out.err != nil {
		s.tell(u, u.program.failure(out.run, out.err))
		return
	}
	p := &process{pid: out.pid, unit: u, pidfd: -1, since: s.monotonic()}
	if err := s.admit(p, out.pidfd); err != nil {
		s.fall(err)
	}
	program := s.programOf(out.pid)
	if program.File == "" {
		program = programFrom(&u.program)
	}
	s.tell(u, service.Spawned{Run: out.run, PID: out.pid, Program: program})
}

// cleaned tells of the files that were in the way of a start.
func (u *unit) cleaned(removed []string, err error) {
	for _, path := range removed {
		u.log.Info(u.name + ": removed " + path + ", which an earlier instance had left")
	}
	if u.unclean = ""; err != nil {
		u.unclean = strings.ReplaceAll(err.Error(), "\n", "; ")
		u.log.Warn(u.name + ": " + u.unclean)
	}
}

func (u *unit) close() error {
	var errs []error
	if u.output != nil {
		errs = append(errs, u.output.finish())
	}
	if u.server != nil {
		errs = append(errs, u.server.close())
	}
	return errors.Join(errs...)
}
