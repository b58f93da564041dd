package watch

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// What a life knows of the inside of a supervisor. All of it is here: for another
// heart this file is to be written anew, and no other of the simulation.

// What the heart is able to do by now.
const (
	manyServices = 5     // that it keeps apart, see -services
	upgradesMany = true  // an upgrade in place with more than one service
	bearsSecrets = false // a /proc that does not tell all, see -secrets
)

// heart is a supervisor in a life. Its services are named by their place among
// the configs.
type heart struct{ s *Host }

// newHeart makes a supervisor that answers a client, by the descriptor fd.
func newHeart(k kernel, c HostConfig, configs []Config, client *modelClient, fd int) (*heart, error) {
	s, err := newHost(k, c, configs...)
	if err != nil {
		return nil, err
	}
	h := &heart{s}
	for _, u := range s.units {
		u.server = &server{s: s, u: u, fd: -1} // its only client is the model's
	}
	_, err = s.loop.add(rankControl, fd, unix.EPOLLIN, func(uint32) { client.answer(h) })
	return h, err
}

func (h *heart) unit(i int) *unit { return h.s.units[i] }

// run returns when all services have ended.
func (h *heart) run() error { return h.s.run(h.s.done) }

func (h *heart) close() error {
	for _, u := range h.s.units {
		u.server = nil
	}
	return h.s.close()
}

// What a client asks for.

func (h *heart) stop(i int) {
	h.s.tell(h.unit(i), service.Stop{})
}

func (h *heart) restart(i int) { h.s.tell(h.unit(i), service.Restart{}) }

func (h *heart) reset(i int) { h.s.tell(h.unit(i), service.Reset{}) }

func (h *heart) hangUp(i int) { _ = h.s.send(h.unit(i), unix.SIGHUP, true) }

func (h *heart) status(i int) { h.s.status(h.unit(i)) }

// upgrade execs another binary, if it can be done now.
func (h *heart) upgrade() {
	ended := slices.ContainsFunc(h.s.units, func(u *unit) bool { return u.outcome != nil })
	if s := h.s; s.isCalm() && !ended && !s.errands.stuck() && (len(s.units) == 1 || upgradesMany) {
		s.recordLast()
		s.errands.settle(0, func() {})
		for _, u := range s.units {
			u.recorder.last = false
		}
		if s.isCalm() {
			_ = s.upgrade() // a TERM is in its way
		}
	}
}

// What a service is thought to be.

func (h *heart) state(i int) service.State { return h.unit(i).machine.State() }

func (h *heart) gist(i int) service.Gist { return h.unit(i).machine.Gist() }

func (h *heart) procs(i int) []service.Proc { return h.unit(i).machine.Snapshot().Procs }

func (h *heart) program(i, pid int) string { return h.unit(i).machine.Program(pid).File }

// outcome is nil for a service that has not ended.
func (h *heart) outcome(i int) *service.Done { return h.unit(i).outcome }

// index is which service a start is of.
func (h *heart) index(u *unit) int { return slices.Index(h.s.units, u) }

// What is kept of the processes.

// known returns the pidfd of a process, -1 if there is none, and its service.
func (h *heart) known(pid int) (pidfd, unit int, ok bool) {
	p := h.s.table.Process(pid)
	if p == nil || p.Unit == settle.Stranger {
		return -1, -1, false
	}
	return p.FD, int(p.Unit) - 1, true
}

func (h *heart) count() (n int) {
	h.each(func(pid, pidfd int) { n++ })
	return n
}

// each calls do for each process of a service.
func (h *heart) each(do func(pid, pidfd int)) {
	for _, p := range h.s.table.All() {
		if p.Unit != settle.Stranger {
			do(p.PID, p.FD)
		}
	}
}

// held is how much waits for something.
func (h *heart) held() int {
	dead, untold, others := h.s.table.Counts()
	return len(h.s.kills) + dead + untold + others
}

// halfDone returns what has still to be done, or "".
func (h *heart) halfDone() string {
	if len(h.s.kills) == 0 && h.s.table.IsCalm() {
		return ""
	}
	dead, untold, others := h.s.table.Counts()
	return fmt.Sprintf("%d kills, %d dead, %d untold, %d unreaped; more: %v", len(h.s.kills), dead, untold, others, h.s.table.HasMore())
}

// strangers returns how many pidfds there are of processes of no service.
func (h *heart) strangers() (n int) {
	for _, p := range h.s.table.All() {
		if p.Unit == settle.Stranger && p.FD >= 0 {
			n++
		}
	}
	return n
}

// How births are known.

func (h *heart) step() Tracking { return h.s.ladder.now }

func (h *heart) firstStep() Tracking { return h.s.ladder.first }

// isOpen reports whether a process of a service may be unknown though no event was lost: by a
// scan one that does not descend from us, on the last step any.
func (h *heart) isOpen(i int) bool {
	foreign := func(p *settle.Process) bool { return p.Foreign && p.Unit == h.unit(i).id }
	return h.step() == TrackScan && slices.ContainsFunc(h.s.table.All(), foreign) || h.step() == TrackPidfile
}

// recorded are the processes that are written down.
func recorded(state []byte) (pids []int) {
	rec, _ := readRecord(state, "boot")
	for _, id := range rec.Procs {
		pids = append(pids, id.PID)
	}
	return pids
}

// What passes between the heart and what starts programs.

func (s *modelStarter) start(u *unit, run int, begin func()) {
	begin()
	s.begin(s.m.life.heart.index(u), spawned{unit: u, run: run})
}

// Exec is HostConfig.Exec: what is handed over is for all services.
func (l *life) exec(state []byte, _ []int) error { panic(upgraded{state}) }

// resumeUpgraded has the services go on with what an upgrade has handed over.
func (l *life) resumeUpgraded(state []byte) {
	l.config.Handover = state
	for _, s := range l.subjects {
		s.config.Resume = &Resume{Upgraded: true}
	}
}
