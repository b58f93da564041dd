package watch

import "respawner/procconn"

// early holds the events of programs that are being started: a program may
// fork before the loop is told its pid. They are taken up when that is known.
type early struct {
	spawning int          // starts under way
	pids     map[int]bool // our children born meanwhile, and theirs
	events   []procconn.Event
}

// maxEarly bounds what is held, in events; what is beyond is found by a scan.
const maxEarly = 4096

func (e *early) waiting() bool { return e.spawning > 0 }

// begin is called before a start, end when its outcome is known: it returns
// what was held, and whether that is all.
func (e *early) begin() { e.spawning++ }

func (e *early) end() (held []procconn.Event, whole bool) {
	if e.spawning--; e.spawning > 0 {
		return nil, true
	}
	held = e.events
	e.events, e.pids = nil, nil
	return held, len(held) < maxEarly
}

// heard tells whether the birth of a program being started was told, or may be
// among what there was no place for.
func (e *early) heard(pid int) bool { return e.pids[pid] || len(e.events) >= maxEarly }

// hold takes an event that may be of a program being started.
func (e *early) hold(s *Supervisor, ev procconn.Event) bool {
	fork := ev.Kind == procconn.Fork
	ours := e.pids[ev.TGID] || fork && (e.pids[ev.ParentTGID] || ev.ParentTGID == s.pid)
	if !e.waiting() || !ours {
		return false
	}
	if e.pids == nil {
		e.pids = map[int]bool{}
	}
	if len(e.events) < maxEarly {
		e.pids[ev.TGID] = true
		e.events = append(e.events, ev)
	}
	return true
}
