package watch

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// What must never be, in chaos either: the life keeps a few facts of its own,
// and holds what the supervisor does to them.

// seen is what has happened to the service, by the model and not by what the
// supervisor makes of it.
type seen struct {
	starts  int           // that the supervisor has asked for
	row     int           // of those, restarts since somebody last asked for one
	excused bool          // another start is no surprise
	hurried bool          // nor is it that it comes too soon
	deaths  int           // of processes since the last start, or its failure
	first   time.Duration // when the first of them was
	normal  bool          // one of them was a success
	failed  bool          // the start itself has failed
	stopped bool          // there is to be no other start
	ending  bool          // a stop was asked for, if it was heard
	resumed bool          // by the next supervisor after one that was killed
	corpses map[*process]int
}

// starting is called when the supervisor asks for a start.
func (l *life) starting() {
	e, spec := &l.seen, &l.config.Spec
	after := l.m.time - e.first
	switch {
	case e.stopped:
		l.violated("a start after a stop")
	case e.excused || e.starts == 0:
		e.row = 0
	case e.deaths == 0:
		l.violated("a restart, though nobody has died")
	case after < spec.RespawnDelay && !e.hurried:
		l.violated("a restart %v after the first death; the delay is %v", after, spec.RespawnDelay)
	case !l.chaos && l.end.tried > 0 && l.m.time > l.end.tried+max(spec.RespawnDelay, l.patience())+slack:
		l.violated("a restart %v after the crash", l.m.time-l.end.tried)
	default:
		e.row++
	}
	if e.row > spec.RespawnLimit && spec.RespawnLimit > 0 {
		l.violated("restart %d, but %d are allowed", e.row, spec.RespawnLimit)
	}
	e.starts++
	e.deaths, e.excused, e.hurried, e.normal, e.failed = 0, false, false, false, false
}

// spawning is called when a program is about to be forked.
func (l *life) spawning() {
	if left := l.m.living(); len(left) > 0 {
		l.violated("a second instance is started beside %v", left)
	}
}

// died is called for each death of a process of the service.
func (l *life) died(status unix.WaitStatus) {
	e := &l.seen
	if e.deaths++; e.deaths == 1 {
		e.first = l.m.time
	}
	e.normal = e.normal || status == 0
}

func (l *life) spawnFailed() {
	l.died(127 << 8)
	l.seen.failed = true
	l.vain++
}

// stopAsked and the like are called when the supervisor hears of it.
func (l *life) stopAsked() { l.seen.stopped, l.seen.ending = true, true }

func (l *life) resetAsked() {
	if l.isWanted() {
		l.seen.row, l.seen.hurried = 0, l.s.units[0].machine.State() == service.Backoff // it is due at once
	}
}

func (l *life) restartAsked() { l.seen.excused = l.seen.excused || l.isWanted() }

// isWanted tells whether the service is not being ended.
func (l *life) isWanted() bool {
	state := l.s.units[0].machine.State()
	return state == service.Starting || state == service.Running || state == service.Backoff
}

// ended is called when the supervisor has ended by itself: there must be a
// reason, and nobody left.
func (l *life) ended() {
	e, done := &l.seen, l.s.units[0].outcome
	if left := l.m.living(); len(left) > 0 {
		l.violated("it has ended, and left %v", left)
	}
	limit := l.config.Spec.RespawnLimit
	gaveUp := strings.Contains(done.Text, "gave up")
	switch {
	case e.ending || e.resumed && gaveUp:
	case done.Status == 0 && e.normal:
	case gaveUp && limit > 0 && e.row == limit:
	case done.Status != 0 && !gaveUp && e.failed && e.row == 0:
	case done.Status == 1 && strings.Contains(done.Text, "left no process behind") && e.normal && e.row == 0 && l.config.Spec.Follow == service.FollowOn:
	default:
		l.violated("it has ended for no reason, after %d restarts: %s", e.row, done.Text)
	}
	if !l.chaos {
		l.checkEnd(done)
	}
	l.seen = seen{excused: true}
}

// orphaned is called when the supervisor was killed: the next one may know less.
func (l *life) orphaned(then Then) {
	e := &l.seen
	e.excused, e.resumed, e.row, e.stopped = true, true, 0, then == ThenStop
	e.ending = e.ending || e.stopped
}

// maxTurns is for how many turns of the loop a dead process may be kept, and
// maxHeld is how much may wait for each process that there can be.
const (
	maxTurns = 400
	maxHeld  = 4
)

// turned is called for each turn of the loop: what is known of the dead is
// bounded.
func (l *life) turned() {
	m, s := l.m, l.s
	m.busy = max(0, m.busy-1)
	corpses := map[*process]int{}
	for _, p := range s.procs {
		if !l.isDead(p) {
			continue
		}
		if corpses[p] = l.seen.corpses[p] + 1; corpses[p] > maxTurns {
			l.violated("pid %d is dead, and kept for %d turns", p.pid, maxTurns)
		}
	}
	l.seen.corpses = corpses
	b := &s.ladder
	held := len(s.ghosts) + len(s.kills) + len(s.early.events) + len(s.early.pids) + len(b.fresh) + len(b.late) + len(s.unreaped) + len(s.strangers)
	if held > maxHeld*m.knobs.pids {
		l.violated("%d ghosts, %d signals, %d events, %d+%d new ones are kept", len(s.ghosts), len(s.kills), len(s.early.events), len(b.fresh), len(b.late))
	}
}

// isDead tells whether a process is, of whom the supervisor has a pidfd or a pid.
func (l *life) isDead(p *process) bool {
	if p.pidfd >= 0 {
		return l.m.process(p.pidfd).dead
	}
	return !slices.Contains(l.m.pids, p.pid)
}

// logged is called for each line that the supervisor logs. An error is one that
// should not happen, so it is not when no call has failed.
func (l *life) logged(line string) {
	l.tell("log: " + line)
	if (!l.chaos || l.m.knobs.faults == 0) && strings.Contains(line, "level=ERROR") {
		l.violated("%s", line)
	}
}
