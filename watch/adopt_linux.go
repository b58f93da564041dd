package watch

import (
	"cmp"
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

// When a supervisor was killed, its service runs on: without a parent that
// knows it, but known by what was written down, and by its environment.

// begin starts a service, or goes on with what an earlier supervisor has left.
func (s *Host) begin(u *unit) {
	switch r := u.config.Resume; {
	case r == nil:
		s.tell(u, service.Start{})
	case r.Upgraded:
		s.takeOver(u)
	default:
		s.adopt(u)
	}
}

// adopt looks for what an earlier supervisor has left; adopted goes on when that is known.
func (s *Host) adopt(u *unit) {
	rec, why := u.restore(s.now(), s.uptime())
	u.said, u.started = rec.Said, cmp.Or(rec.Started, s.uptime()) // where it is not known, it was before us
	u.see(rec.Users)
	if why != nil {
		u.log.Warn(u.name+": going by the environment of its processes", "error", why)
	}
	s.tellWish(u)
	u.adopting = true
	s.table.Adopt(u.id, rec.settled())
}

// settled returns the processes that are written down as the table has them.
func (r record) settled() (all []settle.Record) {
	known := map[int]settle.Record{}
	for _, p := range r.Procs {
		known[p.PID] = p
	}
	for _, q := range r.Machine.Procs {
		p := known[q.PID]
		p.PID = q.PID
		all = append(all, p)
	}
	return all
}

// adopted has the machine go on: all is known that an earlier supervisor has left.
func (s *Host) adopted(u *unit) {
	u.adopting = false
	if u.config.Resume.Upgraded {
		s.tookOver(u)
		return
	}
	text := fmt.Sprintf("%d processes taken over", len(u.machine.Snapshot().Procs))
	u.log.Info(u.name + ": " + text)
	s.note(u, control.Event{What: "adopted", PID: u.machine.Gist().Main, Text: text})
	s.tell(u, service.Resume{})
	if u.config.Resume.Then == ThenRun && u.machine.State() == service.Backoff {
		s.tell(u, service.Reset{})
	}
	switch g := u.machine.Gist(); {
	case g.State == service.Running, g.State == service.Backoff && u.config.Resume.Then == ThenGoOn:
		u.report(Report{PID: g.Main, TakenOver: true, Text: "it is in state " + g.State.String()})
	}
}

// tellWish tells a service what it is to do, if that is another thing than to go
// on: before it hears which have died, for that may be its end, or lead to a start.
func (s *Host) tellWish(u *unit) {
	then, state := u.config.Resume.Then, u.machine.State()
	switch {
	case then == ThenStop:
		s.tell(u, service.Stop{Signal: u.config.Resume.Signal})
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

// Leftover is what a supervisor that has died has left, by what it wrote down.
type Leftover struct {
	Main      int               // the main process, 0 if that has ended
	PIDs      []int             // all that it knew of and that live, roots first
	Processes []control.Process // the same with their shape
	Output    string            // where the program's output is kept, as in Output.Name
}

// Left reads what a dead supervisor wrote down. The error says why it can't be
// told from that.
func Left(state []byte) (Leftover, error) {
	var k linux
	rec, err := readRecord(state, k.bootID())
	left := Leftover{Output: rec.Output, PIDs: []int{}, Processes: []control.Process{}}
	if errors.Is(err, errOtherBoot) {
		return left, nil
	}
	for _, p := range rec.Procs {
		lives, errLook := k.livesStill(p)
		if errLook != nil {
			return left, errLook
		}
		if lives {
			left.PIDs = append(left.PIDs, p.PID)
			left.Processes = append(left.Processes, k.leftProcess(rec.Machine, p.PID))
		}
	}
	if slices.Contains(left.PIDs, rec.Machine.Main) {
		left.Main = rec.Machine.Main
	}
	return left, err
}

// leftProcess is a process that was written down, below the parent that it has now.
func (k linux) leftProcess(m service.Saved, pid int) control.Process {
	p := control.Process{PID: pid}
	if stat, err := k.statOf(pid); err == nil {
		p.PPID = stat.ppid
	}
	if pid == m.Main {
		p.Role = service.Main.String()
	}
	return p
}

// livesStill reports whether a process that was written down lives. The error says why that can't be told.
func (k linux) livesStill(p settle.Record) (bool, error) {
	fd, err := k.openPidfd(p.PID)
	if errors.Is(err, errGone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pid %d: %w", p.PID, err)
	}
	defer unix.Close(fd)
	l := settle.Look{Result: settle.Opening}
	if l.Inode, err = k.inodeOf(fd); err != nil {
		return false, fmt.Errorf("pid %d: %w", p.PID, os.NewSyscallError("fstat", err))
	}
	if stat, err := k.statOf(p.PID); err == nil {
		l.Known, l.Start = true, stat.start
	}
	return p.Is(l) && !k.isReadable(fd), nil // in this order: what stat said is of it if it still lives
}
