package service

import (
	"fmt"
	"time"
)

// exitedRunning sees a death while the service is up.
func exitedRunning(m *Machine, now time.Time, ev Event) {
	d := ev.(death)
	if d.wound {
		m.wound = d.last()
	}
	next := m.successors(d)
	switch {
	case !d.proc.founding && d.proc != m.main:
	case len(next) > 0:
		m.handOver(now, d, next)
	case d.proc.founding && d.vital && !m.spec.succeeded(d.Exit):
		m.crashOf(now, d.last())
	case d.proc.founding && d.vital && now.Sub(m.wound.At) < Wound:
		m.crashOf(now, m.wound)
	case d.proc.founding && d.vital && d.certain:
		m.lastExit = d.last()
		m.finish(now, m.normal(d.Exit))
	default: // of several that could be main, or a main that only the pidfile had named
		m.mainEnded(d)
		m.elect()
	}
}

// crashOf is the crash of the service by the end of one process.
func (m *Machine) crashOf(now time.Time, cause LastExit) {
	m.lastExit = cause
	m.crash(now, fmt.Sprintf("%s: pid %d %s", m.spec.Name, cause.PID, cause.Exit.Words()))
}

func (m *Machine) mainEnded(d death) {
	if d.proc == m.main {
		m.lastExit = d.last()
	}
}

func (m *Machine) normal(e Exit) verdict {
	return verdict{text: fmt.Sprintf("%s has ended normally (%s)", m.spec.Name, e.Words())}
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
	if named := m.namedRoot(); named != nil && !named.founding {
		m.forest.found([]*proc{named})
	}
	old := m.main
	m.main = m.best()
	if old != nil && m.main != nil && old != m.main {
		m.do(Note{What: NoteMain, PID: m.main.pid})
		m.log("%s: the main process is now pid %d", m.spec.Name, m.main.pid)
	}
}

// namedRoot is the root that the process hangs from which the pidfile names; nil
// for none.
func (m *Machine) namedRoot() *proc {
	if named := m.forest.procs[m.named]; named != nil {
		return named.root()
	}
	return nil
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

// preferred reports whether a dead root, if it lived, would certainly be main
// rather than any of those that are left.
func (m *Machine) preferred(dead *proc, left []*proc) bool {
	best := m.bestOf(left)
	return m.rank(dead) > m.rank(best)
}

// rank orders candidates: first one that runs the program that was started, most of
// all as it was forked, then one that has the baton, then one that has children. A process
// forked by one that runs another program runs that, without an exec of its own.
func (m *Machine) rank(p *proc) int {
	rank := 0
	if p.program.sameFile(m.program) {
		rank += 8
	}
	if !p.execed && p.program.same(m.program) {
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

// certain reports whether there is no doubt which process is main.
func (m *Machine) certain() bool {
	return m.forest.procs[m.named] != nil || len(m.forest.founders) == 1
}

// isWound reports whether the end of p soon leads to that of the root above it,
// however politely that one leaves: p did its work, and failed. The one that the
// pidfile names did. A root's only child that runs its program may be a helper
// that was told to end, or that has failed as helpers do, so only one that broke
// is taken for it.
func (m *Machine) isWound(p *proc, e Exit) bool {
	up := p.parent
	switch {
	case up == nil || !up.founding:
		return false
	case p.pid == m.named:
		return m.failed(e)
	}
	return e.broke() && len(up.children) == 1 && p.program.same(up.program)
}

// vital reports whether the crash of p is the service's crash: main's alone
// where main is certain, else that of every root that could be main. A main
// that is a helper's child is the helper's to mend.
func (m *Machine) vital(p *proc, certain bool) bool {
	if certain && m.main != nil {
		return p == m.main.root()
	}
	return p.founding
}
