package service

import (
	"fmt"
	"time"
)

// exitedRunning sees a death while the service is up.
func exitedRunning(m *Machine, now time.Time, ev Event) {
	d := ev.(death)
	var heirs []*proc
	if d.proc.founding {
		heirs = m.forest.heirs(d.proc)
	}
	if d.server && !m.spec.succeeded(d.Exit) && d.Exit.Known {
		m.wounded = now
	}
	switch {
	case !d.proc.founding && d.proc != m.main:
	case !d.proc.founding:
		m.elect() // the pidfile had named it
	case m.passesBaton(now, d, heirs):
		m.handOver(heirs)
	case d.vital && (!m.spec.succeeded(d.Exit) || now.Sub(m.wounded) < Wound):
		m.crash(now, fmt.Sprintf("%s: proc %d %s", m.spec.Name, d.PID, d.Exit))
	case d.vital && d.certain:
		m.endedRunning(now, d, heirs)
	default:
		m.elect()
	}
}

// passesBaton tells whether a young root hands over to the roots it left: a
// late daemonization, or one of a main that was exec'ed anew.
func (m *Machine) passesBaton(now time.Time, d death, heirs []*proc) bool {
	young := d.starter && m.spec.Follow == FollowOn || now.Sub(d.proc.born) < MinUptime
	return young && m.spec.succeeded(d.Exit) && m.mayFollow(d.proc, heirs)
}

func (m *Machine) handOver(heirs []*proc) {
	m.noteFollowed(heirs)
	m.forest.found(heirs)
	m.elect()
}

// endedRunning ends the service with its main, unless main has a successor:
// one that the pidfile names, or a process that it exec'ed from the same
// program (an upgrade in place).
func (m *Machine) endedRunning(now time.Time, d death, heirs []*proc) {
	var next []*proc
	if named := m.forest.procs[m.named]; named != nil && m.spec.Follow != FollowOff {
		next = append(next, named.root())
	}
	for _, h := range heirs {
		if h.execed && h.program == d.proc.program && m.spec.Follow != FollowOff {
			next = append(next, h)
		}
	}
	if len(next) == 0 {
		m.finish(now, m.normal(d))
		return
	}
	m.log("%s was taken over by pid %s", m.spec.Name, pids(next))
	m.handOver(next)
}

func (m *Machine) normal(d death) verdict {
	return verdict{text: fmt.Sprintf("%s has ended normally (%s)", m.spec.Name, d.Exit)}
}

func namedRunning(m *Machine, _ time.Time, ev Event) {
	if m.accept(ev.(Named)) {
		m.elect()
	}
}

// accept takes the pidfile's word, if it names a process of the forest.
func (m *Machine) accept(n Named) bool {
	if m.forest.procs[n.PID] == nil {
		m.message = fmt.Sprintf("the pidfile names pid %d, which is no process of %s: ignored", n.PID, m.spec.Name)
		m.warn("%s", m.message)
		return false
	}
	m.named, m.message = n.PID, ""
	return true
}

// elect chooses main among the founding roots.
func (m *Machine) elect() {
	if named := m.forest.procs[m.named]; named != nil && !named.root().founding {
		m.forest.found([]*proc{named.root()})
	}
	old := m.main
	m.main = m.best()
	if old != nil && m.main != nil && old != m.main {
		m.do(Note{What: NoteMain, PID: m.main.pid})
		m.log("%s: the main process is now pid %d", m.spec.Name, m.main.pid)
	}
}

func (m *Machine) best() *proc {
	if p := m.forest.procs[m.named]; p != nil {
		return p
	}
	return m.bestOf(m.forest.founding())
}

// bestOf is the first of those that rank highest.
func (m *Machine) bestOf(ps []*proc) *proc {
	var best *proc
	for _, p := range ps {
		if best == nil || m.rank(p) > m.rank(best) {
			best = p
		}
	}
	return best
}

// preferred tells whether a dead root, if it lived, would certainly be main
// rather than any of those that are left.
func (m *Machine) preferred(dead *proc, left []*proc) bool {
	best := m.bestOf(left)
	return m.rank(dead) > m.rank(best)
}

// rank orders candidates: first who runs the program that was started, most of
// all as it was forked, then who has the baton, then who has children. Who was
// forked by one that runs another program runs that, without an exec of its own.
func (m *Machine) rank(p *proc) int {
	rank := 0
	if p.program.File == m.program.File {
		rank += 8
	}
	if !p.execed && p.program == m.program {
		rank += 4
		if p.baton {
			rank += 2
		}
	}
	if len(p.children) > 0 {
		rank++
	}
	return rank
}

// certain tells whether there is no doubt which process is main.
func (m *Machine) certain() bool {
	return m.forest.procs[m.named] != nil || len(m.forest.founders) == 1
}

// isServer tells whether p does the work of the root above it: the pidfile
// names it, or it is that root's only child and runs its program. When it is
// killed and that helper leaves as well, however politely, it is a crash.
func (m *Machine) isServer(p *proc) bool {
	up := p.parent
	return up != nil && up.founding && (p.pid == m.named || len(up.children) == 1 && p.program == up.program)
}

// vital tells whether the crash of p is the service's crash: main's alone
// where main is certain, else that of every root that could be main. A main
// that is a helper's child is the helper's to mend.
func (m *Machine) vital(p *proc, certain bool) bool {
	if certain && m.main != nil {
		return p == m.main.root()
	}
	return p.founding
}
