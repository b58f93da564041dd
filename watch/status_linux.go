package watch

import (
	"slices"
	"strings"
	"time"

	"respawner/watch/control"
	"respawner/watch/service"
)

// status is what a client is told of a service.
func (s *Host) status(u *unit) *control.Status {
	snap := u.machine.Snapshot()
	spec := u.config.Spec
	out := &control.Status{
		Name: u.name, State: snap.State.String(), Since: snap.Since, MainPID: snap.Main, SupervisorPID: s.pid, Version: s.config.Version,
		Command: u.config.Program.Args, Folder: u.config.Program.Dir,
		Restarts: snap.Restarts, RespawnLimit: spec.RespawnLimit, PIDs: []int{}, Processes: []control.Process{},
		Follow: spec.Follow.String(), Followed: snap.Followed,
		Tracking: s.ladder.now.String(), TrackingReason: s.reasonNow(), LostEvents: int(s.droppedEvents()), Resyncs: s.ladder.resyncs,
		LastExit: lastExit(snap.LastExit), Message: s.message(u, snap), Stuck: s.whyStuck(u), Said: u.wordsNow(snap, s.now()), Output: u.config.Output.Name,
	}
	out.NextStart, out.KillAt = due(snap.Respawn, s.now()), due(snap.Kill, s.now())
	for _, p := range snap.Procs {
		out.PIDs = append(out.PIDs, p.PID)
		out.Processes = append(out.Processes, s.process(u, p))
	}
	slices.Sort(out.PIDs)
	return out
}

// due is when a deadline is over by the clock as it is set now: it is kept by
// CLOCK_MONOTONIC, which does not go with the clock. It is nil for none.
func due(deadline, now time.Time) *time.Time {
	if deadline.IsZero() {
		return nil
	}
	at := byClock(deadline, now)
	return &at
}

// message is what a person should know of the service as it is now.
func (s *Host) message(u *unit, snap service.Snapshot) string {
	all := []string{snap.Message, u.unclean}
	if snap.Message == "" && snap.Main != 0 {
		all[0] = u.note
	}
	if s.blind {
		all = append(all, "not all processes can be watched for now: the supervisor has too many files open (ulimit -n)")
	}
	return strings.Join(slices.DeleteFunc(all, func(text string) bool { return text == "" }), "; ")
}

func (s *Host) process(u *unit, p service.Proc) control.Process {
	switch q := s.table.Known(u.id, p.PID); {
	case q != nil && q.Foreign:
		p.Parent = s.parentOf(p.PID)
	case p.Parent == 0:
		p.Parent = s.pid
	}
	return control.Process{PID: p.PID, PPID: p.Parent, Role: p.Role.String()}
}

func lastExit(l service.LastExit) *control.Exit {
	if l.PID == 0 {
		return nil
	}
	e := &control.Exit{PID: l.PID, Code: l.Exit.Code, Signal: l.Exit.Signal, Core: l.Exit.Core, At: l.At.Round(time.Millisecond)}
	e.By, e.After = l.Exit.By.String(), l.Exit.After.Seconds()
	if !l.Exit.Known {
		e.Code, e.Signal = -1, -1
	}
	return e
}
