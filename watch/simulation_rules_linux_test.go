package watch

import (
	"log/slog"
)

// What must never be, in chaos either, of the supervisor as a whole. What concerns
// one service alone is with subject.

// corpse is a dead process that is kept. No descriptor is used twice, so this
// is one process.
type corpse struct{ pid, pidfd int }

// maxTurns is for how many turns of the loop a dead process may be kept, and
// maxHeld is how much may wait for each process that there can be.
const (
	maxTurns = 400
	maxHeld  = 4
)

// turned is called for each turn of the loop: what is known of the dead is
// bounded.
func (l *life) turned() {
	m, h := l.m, l.heart
	m.busy = max(0, m.busy-1)
	for _, s := range l.subjects {
		s.checkOutcome()
	}
	var corpses map[corpse]int
	h.each(func(pid, pidfd int) {
		c := corpse{pid, pidfd}
		if !l.isDead(c) {
			return
		}
		if corpses == nil {
			corpses = map[corpse]int{}
		}
		if corpses[c] = l.corpses[c] + 1; corpses[c] > maxTurns {
			l.violated("pid %d is dead, and kept for %d turns", pid, maxTurns)
		}
	})
	l.corpses = corpses
	if held := h.held(); held > maxHeld*m.knobs.pids {
		l.violated("%d things are kept: %s", held, h.halfDone())
	}
}

// isDead reports whether a process is, by the pidfd or the pid that the supervisor has.
func (l *life) isDead(c corpse) bool {
	if c.pidfd >= 0 {
		return l.m.process(c.pidfd).dead
	}
	return l.m.tasks[c.pid] == nil
}

// logged is called for what the supervisor logs. An error is one that
// should not happen, so it is not when no call has failed.
func (l *life) logged(level slog.Level, line string) {
	if l.tracing {
		l.tell("log: " + level.String() + " " + line)
	}
	if (!l.chaos || l.m.knobs.faults == 0) && level >= slog.LevelError {
		l.violated("%s", line)
	}
}
