package service

import (
	"fmt"
	"strings"
	"time"
)

// note keeps the forest; it returns the event as the states see it, and
// whether they see it at all: an answer of another run, a birth that is known, or
// a death that is not of the forest, ends here.
func (m *Machine) note(now time.Time, ev Event) (Event, bool) {
	switch ev := ev.(type) {
	case Spawned:
		return ev, m.answered(ev.Run) && m.noteSpawned(now, ev)
	case SpawnFailed:
		return ev, m.answered(ev.Run)
	case Forked:
		return ev, m.noteForked(now, ev)
	case Execed:
		return m.noteExeced(now, ev)
	case Exited:
		return m.noteExited(now, ev)
	case Released:
		return ev, m.noteReleased(ev)
	case OOMKilled:
		m.noteOOMKilled(ev)
	}
	return ev, true
}

func (m *Machine) answered(run int) bool {
	ours := m.spawning && run == m.run
	if ours {
		m.spawning = false
	}
	return ours
}

func (m *Machine) noteSpawned(now time.Time, ev Spawned) bool {
	m.starter = m.forest.add(ev.PID, 0, now)
	m.program = &ev.Program
	m.starter.program, m.starter.baton = m.program, true
	m.do(Note{What: NoteStarted, PID: ev.PID})
	return true
}

// noteForked adds a process. One that is born a root (CLONE_PARENT) goes back
// to the process that is main or will be.
func (m *Machine) noteForked(now time.Time, ev Forked) bool {
	if m.forest.procs[ev.Child] != nil {
		return false
	}
	p := m.forest.add(ev.Child, ev.Parent, now)
	if first := m.first(); p.isRoot() && first != nil {
		p.founder, p.program = first.founder, first.program
	}
	m.do(Note{What: NoteForked, PID: ev.Child, Parent: ev.Parent})
	return true
}

func (m *Machine) first() *proc {
	if m.starter != nil {
		return m.starter
	}
	return m.main
}

// exec is Execed as the states see it: with the process, and what that ran
// before.
type exec struct {
	Execed
	proc *proc
	from *Program
}

// noteExeced keeps what a process runs. What only completes that is no news, if
// nothing has waited for it. Of the starter it is known what it was to run, though it may be gone before
// that can be looked up.
func (m *Machine) noteExeced(now time.Time, ev Execed) (Event, bool) {
	p := m.forest.procs[ev.PID]
	if p == nil {
		return ev, false
	}
	if p.program.complete(ev.Program) {
		return exec{ev, p, p.was}, p.unsure && p.was != nil
	}
	from := p.program
	switch {
	case p != m.starter:
		p.program, p.execed = &ev.Program, true
	case ev.Program.File != "":
		m.program = &ev.Program // an interpreter's file is known only now
		p.program = m.program
	}
	p.born = now
	m.do(Note{What: NoteExeced, PID: ev.PID, Text: ev.Program.File})
	return exec{ev, p, from}, true
}

// noteReleased takes a process out, with all below it. A root stays: on it the service may depend.
func (m *Machine) noteReleased(ev Released) bool {
	p := m.forest.procs[ev.PID]
	if p == nil || p.isRoot() {
		return false
	}
	m.do(Note{What: NoteReleased, PID: ev.PID})
	m.log("%s: pid %d supervises a service of its own, and is let go", m.spec.Name, ev.PID)
	m.forest.release(p)
	return true
}

// death is Exited as the states see it: with the process that is no more, and
// what it was while it lived.
type death struct {
	Exited
	at      time.Time
	proc    *proc
	starter bool // it was the starter
	root    bool
	wound   bool // it did its parent's work, and failed
	vital   bool // its crash is the service's crash
	certain bool // there was no doubt which process is main
}

func (d death) last() LastExit { return LastExit{d.PID, d.Exit, d.at} }

func (m *Machine) noteExited(now time.Time, ev Exited) (Event, bool) {
	p := m.forest.procs[ev.PID]
	if p == nil {
		return ev, false
	}
	if m.hard && ev.Exit.Signal == sigKill {
		ev.Exit.By, ev.Exit.After = ByRespawner, m.patience()
	}
	certain := m.certain()
	m.do(Note{What: NoteExited, PID: ev.PID, Role: m.role(p), Exit: ev.Exit})
	d := death{ev, now, p, p == m.starter, p.isRoot(), m.isWound(p, ev.Exit), m.vital(p, certain), certain}
	if p == m.main || d.root && (p.founding || m.state != Running) { // strays come and go as they like
		m.log("proc %d %s", ev.PID, ev.Exit)
	}
	m.forest.remove(p, ev.Reaper)
	if ev.Next != nil {
		m.noteForked(now, *ev.Next)
	}
	if d.starter {
		m.starter = nil
	}
	if m.named == p.pid {
		m.named = 0
	}
	return d, true
}

// noteOOMKilled keeps why a process was killed. That is known a moment after its end.
func (m *Machine) noteOOMKilled(ev OOMKilled) {
	text := fmt.Sprintf("pid %d was killed by the kernel's OOM killer: memory had run out", ev.PID)
	m.do(Note{What: NoteOOMKilled, PID: ev.PID, Text: text})
	m.warn("%s: %s", m.spec.Name, text)
	if last := &m.lastExit; last.PID == ev.PID && last.Exit.Signal == sigKill {
		before := last.Exit.Words()
		last.Exit.By = ByKernel
		m.message = strings.ReplaceAll(m.message, before, last.Exit.Words())
	}
}
