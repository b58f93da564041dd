package watch

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
	"respawner/watch/settle"
)

// wait is what a peer waits for after its request was answered.
type wait struct {
	what string // the operation; empty: it waits for nothing
	run  int    // the run of the program at that time
}

// The operations of peers that wait.
const (
	waitEnded   = "ended"   // until no process is left
	waitStopped = "stopped" // until that is for good
	waitRunning = "running" // until it is up
	waitAnew    = "anew"    // until it is up anew
	waitEvents  = "events"  // for each event, without end
	waitUpgrade = "upgrade" // until another binary has taken over
)

// answer does what one line asks for.
func (p *peer) answer(line []byte) error {
	if p.waits.what != "" {
		return p.refuse(control.CodeRequest, fmt.Errorf("%w: another one is still being carried out", control.ErrRequest))
	}
	req, err := control.ParseRequest(line)
	if err != nil {
		return p.refuse(control.CodeRequest, err)
	}
	v := p.server
	switch req.Op {
	case control.OpStop:
		return p.await(waitEnded, service.Stop{Timeout: req.Patience(), Signal: req.Signal})
	case control.OpRestart:
		return p.await(waitAnew, service.Restart{})
	case control.OpWait:
		return p.await(req.For, nil)
	case control.OpEvents:
		if err := p.await(waitEvents, nil); err != nil {
			return err
		}
		return p.sendUnwritten()
	case control.OpUpgrade:
		if req.Checked {
			return p.await(waitUpgrade, nil)
		}
		return p.send(control.Reply{Upgrade: v.s.offer()})
	case control.OpReset:
		v.s.tell(v.u, service.Reset{})
		v.s.note(v.u, control.Event{What: "reset"})
	case control.OpReopen:
		v.u.reopen()
	case control.OpRelease:
		err = p.release()
	case control.OpReload:
		return p.reload(req.Force)
	case control.OpSignal:
		err = v.s.send(v.u, unix.Signal(req.Signal), req.All)
	}
	if err != nil {
		return p.refuse(control.CodeState, err)
	}
	return p.sendStatus()
}

// release lets the client go from the service's processes: it is a supervisor that was started below the service.
// A guest could have a process that it does not own let go, so it is not asked.
func (p *peer) release() error {
	v := p.server
	s, u, pid := v.s, v.u, p.pid
	q := s.table.Known(u.id, pid)
	switch {
	case p.guest, q == nil, q.Life != settle.Alive, !s.holdsPid(q):
		return fmt.Errorf("pid %d is not a process of %s that can be let go", pid, u.name)
	case u.machine.Parent(pid) == 0:
		return fmt.Errorf("pid %d may be the main process of %s", pid, u.name)
	}
	s.table.Release(q)
	s.mixed = true
	s.tell(u, service.Released{PID: pid})
	return nil
}

func (p *peer) sendStatus() error {
	return p.send(control.Reply{Status: p.server.s.status(p.server.u)})
}

// await answers at once, tells the service what was asked, and has the peer
// wait for what comes of it.
func (p *peer) await(what string, ev service.Event) error {
	v := p.server
	state := v.u.machine.State()
	if waiting := v.waiting(); waiting >= maxWaiting && what != waitEnded {
		return p.refuse(control.CodeBusy, fmt.Errorf("%d clients wait for this service already", waiting))
	}
	if what == waitAnew && (state == service.Stopping || v.u.outcome != nil) {
		return p.refuse(control.CodeState, fmt.Errorf("%s is being stopped: start it when it has ended", v.u.name))
	}
	if err := p.sendStatus(); err != nil {
		return err
	}
	v.s.check(v.s.timers.Clear(deadline{peer: p}))
	p.waits = wait{what, v.u.machine.Run()}
	if ev != nil {
		v.s.tell(v.u, ev)
	}
	return p.look()
}

func (v *server) waiting() int {
	n := 0
	for _, p := range v.peers {
		if p.waits.what != "" {
			n++
		}
	}
	return n
}

// look tells a peer that waits when what it waits for has come about, or can't
// any more.
func (p *peer) look() error {
	u := p.server.u
	state, over := u.machine.State(), u.outcome != nil
	anew := u.machine.Run() > p.waits.run
	switch p.waits.what {
	case "", waitEvents, waitUpgrade:
		return nil
	case waitStopped:
		if over {
			return p.done()
		}
	case waitEnded:
		if over || anew && state != service.Stopping {
			return p.done()
		}
	case waitRunning:
		if state == service.Running {
			return p.done()
		}
	case waitAnew:
		if state == service.Running && anew {
			return p.done()
		}
		if state == service.Backoff && anew {
			return p.refuse(control.CodeFailed, errors.New(u.machine.Snapshot().Message+"; it is tried again"))
		}
	}
	if over {
		return p.refuse(control.CodeFailed, errors.New(u.outcome.Text))
	}
	return nil
}

func (p *peer) done() error {
	p.waits = wait{}
	p.server.touch(p)
	return p.sendStatus()
}

// lookAll is called when a service has come into another state.
func (v *server) lookAll() {
	if v == nil {
		return
	}
	for _, p := range append([]*peer{}, v.peers...) {
		if p.look() != nil {
			v.drop(p)
		}
	}
}

// publish sends an event to the followers.
func (v *server) publish(ev control.Event) {
	var line []byte
	for _, p := range append([]*peer{}, v.peers...) {
		if p.waits.what != waitEvents {
			continue
		}
		if line == nil {
			line = control.Line(control.Reply{V: control.Version, Event: &ev})
		}
		if p.sendLine(line) != nil {
			v.drop(p)
		}
	}
}

// sendUnwritten sends the events that are on their way into the history: there
// and here a client finds all.
func (p *peer) sendUnwritten() error {
	for line := range bytes.Lines(p.server.u.journal.unwritten()) {
		var ev control.Event
		err := json.Unmarshal(line, &ev)
		if err == nil {
			err = p.send(control.Reply{Event: &ev})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// follows reports whether a client follows the events.
func (v *server) follows() bool {
	if v == nil {
		return false
	}
	for _, p := range v.peers {
		if p.waits.what == waitEvents {
			return true
		}
	}
	return false
}

// send sends a signal to a service's main process, or to all its processes.
func (s *Host) send(u *unit, sig unix.Signal, all bool) error {
	snap := u.machine.Snapshot()
	var errs []error
	sent := 0
	for _, q := range snap.Procs {
		p := s.table.Known(u.id, q.PID)
		if p == nil || p.FD < 0 || !all && q.PID != snap.Main {
			continue
		}
		if err := s.sendSignal(p.FD, sig); err != nil {
			errs = append(errs, fmt.Errorf("signal to pid %d: %w", q.PID, err))
			continue
		}
		p.Killed = p.Killed || sig == unix.SIGKILL
		sent++
	}
	if sent == 0 && len(errs) == 0 {
		return noProcess(u)
	}
	s.note(u, control.Event{What: "signalled", PID: snap.Main, Text: fmt.Sprintf("%s to %d of %d processes", nameOf(sig), sent, len(snap.Procs))})
	return errors.Join(errs...)
}
