package watch

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// What a life knows of the inside of a supervisor. All of it is here: for another
// heart this file is to be written anew, and no other of the simulation.

// What the heart is able to do by now.
const (
	manyServices = 1     // that it keeps apart, see -services
	upgradesMany = false // an upgrade in place with more than one service
	bearsSecrets = false // a /proc that does not tell all, see -secrets
)

// heart is a supervisor in a life. Its services are named by their place among
// the configs.
type heart struct{ s *Supervisor }

// newHeart makes a supervisor that answers a client, by the descriptor fd.
func newHeart(k kernel, configs []Config, client *modelClient, fd int) (*heart, error) {
	s, err := newSupervisor(k, configs...)
	if err != nil {
		return nil, err
	}
	h := &heart{s}
	for _, u := range s.units {
		u.server = &server{s: s, u: u, fd: -1} // the model's client is all it has
	}
	_, err = s.loop.add(rankControl, fd, unix.EPOLLIN, func(uint32) { client.answer(h) })
	return h, err
}

// run returns when all services have ended.
func (h *heart) run() error { return h.s.run() }

func (h *heart) close() error {
	for _, u := range h.s.units {
		u.server = nil
	}
	return h.s.close()
}

// What a client asks for.

func (h *heart) stop(i int) {
	h.s.lookAround()
	h.s.tell(h.s.units[i], service.Stop{})
}

func (h *heart) restart(i int) { h.s.tell(h.s.units[i], service.Restart{}) }

func (h *heart) reset(i int) { h.s.tell(h.s.units[i], service.Reset{}) }

func (h *heart) hangUp(i int) { _ = h.s.send(h.s.units[i], unix.SIGHUP, true) }

func (h *heart) status(i int) { h.s.status(h.s.units[i]) }

// upgrade execs another binary, if it can be done now.
func (h *heart) upgrade() {
	ended := slices.ContainsFunc(h.s.units, func(u *unit) bool { return u.outcome != nil })
	if h.s.isCalm() && !ended && (len(h.s.units) == 1 || upgradesMany) {
		_ = h.s.upgrade(h.s.units[0]) // a TERM is in its way
	}
}

// What a service is thought to be.

func (h *heart) state(i int) service.State { return h.s.units[i].machine.State() }

func (h *heart) gist(i int) service.Gist { return h.s.units[i].machine.Gist() }

func (h *heart) procs(i int) []service.Proc { return h.s.units[i].machine.Snapshot().Procs }

func (h *heart) program(i, pid int) string { return h.s.units[i].machine.Program(pid).File }

// outcome is nil for a service that has not ended.
func (h *heart) outcome(i int) *service.Done { return h.s.units[i].outcome }

// index is which service a start is of.
func (h *heart) index(u *unit) int { return slices.Index(h.s.units, u) }

// What is kept of the processes.

// known is what is kept of a process: its pidfd, -1 if there is none, and its service.
func (h *heart) known(pid int) (pidfd, unit int, ok bool) {
	p := h.s.procs[pid]
	if p == nil {
		return -1, -1, false
	}
	return p.pidfd, h.index(p.unit), true
}

func (h *heart) count() int { return len(h.s.procs) }

// each calls do for each process that is kept, in any order.
func (h *heart) each(do func(pid, pidfd int)) {
	for _, p := range h.s.procs {
		do(p.pid, p.pidfd)
	}
}

// held is how much waits for something.
func (h *heart) held() int {
	s, b := h.s, &h.s.ladder
	return len(s.ghosts) + len(s.kills) + len(s.early.events) + len(s.early.pids) + len(b.fresh) + len(b.late) + len(s.unreaped) + len(s.strangers)
}

// halfDone says what has still to be done; nothing has when it is empty.
func (h *heart) halfDone() string {
	s, b := h.s, &h.s.ladder
	if n := len(s.ghosts) + len(s.kills) + len(s.early.events) + len(s.early.pids) + len(b.fresh) + len(b.late); n == 0 && !b.lost {
		return ""
	}
	return fmt.Sprintf("%d ghosts, %d kills, %d events, %d+%d new ones, lost: %v", len(s.ghosts), len(s.kills), len(s.early.events), len(b.fresh), len(b.late), b.lost)
}

// How births are known.

func (h *heart) step() Tracking { return h.s.ladder.step }

func (h *heart) firstStep() Tracking { return h.s.ladder.first }

// isOpen reports whether a process of a service may be unknown though no event was lost:
// by a scan one that does not descend from us, on the last step any.
func (h *heart) isOpen(i int) bool {
	return h.step() == TrackScan && h.s.hasForeign(h.s.units[i]) || h.step() == TrackPidfile
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

func (s *modelStarter) start(u *unit, run int) {
	s.begin(s.m.life.heart.index(u), spawned{unit: u, run: run})
}

// Exec is Config.Exec: what is handed over is for all services.
func (l *life) exec(state []byte, _ []int) error { panic(upgraded{state}) }

// resumeUpgraded has the services go on with what an upgrade has handed over.
func (l *life) resumeUpgraded(state []byte) {
	for _, s := range l.subjects {
		s.config.Resume = &Resume{State: state, Upgraded: true}
	}
}
