package watch

import (
	"cmp"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// tell tells a service what happened, and does what it answers. What is to be
// said can wait: its writer would be in the way of a program that is started.
func (s *Host) tell(u *unit, ev service.Event) {
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
func (s *Host) do(u *unit, e service.Effect) {
	switch e := e.(type) {
	case service.Spawn:
		u.started, u.begun = s.uptime(), s.now()
		if u.output != nil {
			u.output.begin(u.begun)
		}
		s.spawner.start(u, e.Run, func() { s.table.Starting(u.id) })
		u.claimed, u.note = 0, ""
	case service.Kill:
		if p := s.table.Known(u.id, e.PID); p != nil {
			s.kills = append(s.kills, kill{u, p, signalOf(e)})
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
		s.heedWords(u, e)
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
	u   *unit
	p   *settle.Process
	sig unix.Signal
}

// signalOf returns the signal that a Kill asks for.
func signalOf(e service.Kill) unix.Signal {
	if e.Hard {
		return unix.SIGKILL
	}
	return cmp.Or(unix.Signal(e.Signal), unix.SIGTERM)
}

// sendKills sends the signals that wait: never by a bare pid.
func (s *Host) sendKills() {
	if len(s.kills) == 0 {
		return
	}
	kills := s.kills
	s.kills = nil
	for _, k := range kills {
		switch {
		case k.p.Life == settle.Unopened:
			s.kills = append(s.kills, k)
		case k.p.FD >= 0 && k.p.Life != settle.Buried:
			s.sendKill(k)
		}
	}
}

// sendKill sends a signal, with CONT after it for a process that is stopped, unless it is KILL.
func (s *Host) sendKill(k kill) {
	err := s.sendSignal(k.p.FD, k.sig)
	k.p.Killed = k.sig == unix.SIGKILL
	if err == nil && k.sig != unix.SIGKILL {
		err = s.sendSignal(k.p.FD, unix.SIGCONT)
	}
	if k.p.Refused = err; err != nil {
		k.u.log.Warn(fmt.Sprintf("pid %d can't be signalled", k.p.PID), "error", err)
	}
}

// takeStarts takes the outcomes of starts from the spawner.
func (s *Host) takeStarts() {
	if !s.spawned {
		return
	}
	s.spawned = false
	s.spawner.clear()
	for out, ok := s.spawner.take(); ok; out, ok = s.spawner.take() {
		s.readBirths()
		s.mustHear(out)
		s.startedAs(out)
		for _, u := range s.units {
			u.pidfile.touch() // it may have been written before the pid was known
		}
	}
}

func (s *Host) startedAs(out spawned) {
	u := out.unit
	u.cleaned(out.removed, out.unclean)
	u.run = out.run
	s.childDied = true // a child that was passed over while it could have been the program
	u.clearedPidfile(out.unnamed, out.named)
	if out.err != nil {
		s.table.Failed(u.id, out.pid)
		s.tell(u, u.program.failure(out.run, out.err))
		return
	}
	s.table.Started(u.id, s.startOf(out))
}

// startOf returns what tells the process of a start from all others.
func (s *Host) startOf(out spawned) settle.Start {
	inode, err := s.inodeOf(out.pidfd)
	s.check(err)
	start := settle.Start{PID: out.pid, FD: out.pidfd, Inode: inode}
	stat, err := s.statOf(out.pid)
	if start.Held = s.holdsPid(&settle.Process{FD: out.pidfd}); start.Held && err == nil {
		start.Start = stat.start
	}
	return start
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

// noteBlind tells, once, that there is no descriptor for a process that lives.
func (s *Host) noteBlind(pid int, why error) {
	if !s.blind {
		s.log.Warn(fmt.Sprintf("pid %d, and maybe others, can't be watched for now", pid), "error", why)
	}
	s.blind = true
}
