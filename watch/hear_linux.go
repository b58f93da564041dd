package watch

import (
	"respawner/watch/service"
	"respawner/watch/settle"
)

// hear tells a service what has happened.
func (s *Host) hear(e settle.Event) {
	if e.What == settle.Resynced { // of no service
		s.resynced()
		return
	}
	u := s.unit(e.Unit)
	switch e.What {
	case settle.Adopted:
		s.adopted(u)
	case settle.Spawned:
		s.hearSpawned(u, e.P, u.run)
	case settle.Forked:
		s.hearForked(u, e)
	case settle.Execed:
		s.execed(u, e.P, s.fileOf(e.P.PID))
	case settle.Looked:
		s.lookAt(u, e.P)
	case settle.Died:
		ev := service.Exited{PID: e.P.PID, Exit: e.Exit, Reaper: e.Reaper}
		if e.Next != nil {
			ev.Next = &service.Forked{Parent: e.Parent, Child: e.Next.PID}
		}
		s.tell(u, ev)
		if !e.P.Killed {
			s.askOOM(u, e.P.PID, e.Exit)
		}
	}
}

// hearSpawned is for the program of a start.
func (s *Host) hearSpawned(u *unit, p *settle.Process, run int) {
	s.tell(u, service.Spawned{Run: run, PID: p.PID, Program: s.startedProgram(u, p)})
	s.askArgs(u, p)
}

// hearForked is for a birth. Where a start was under way when the supervisor died, the
// first process that is found is what was started.
func (s *Host) hearForked(u *unit, e settle.Event) {
	if u.adopting && u.machine.Spawning() {
		s.hearSpawned(u, e.P, u.machine.Run())
		return
	}
	s.tell(u, service.Forked{Parent: e.Parent, Child: e.P.PID})
	if u.machine.Program(e.P.PID).File == "" { // what its parent ran could not be read
		s.lookAt(u, e.P)
	}
}

// startedProgram returns what a process runs that was started as a service's program.
func (s *Host) startedProgram(u *unit, p *settle.Process) service.Program {
	program := programFrom(&u.program)
	if file := s.fileOf(p.PID); file != "" && file != program.File && !s.hasEnded(p) {
		return service.Program{File: file}
	}
	return program
}

// lookAt finds out whether a process runs another program than is known, where its exec may
// not have been told.
func (s *Host) lookAt(u *unit, p *settle.Process) {
	file := s.fileOf(p.PID)
	if file != "" && !s.hasEnded(p) && file != u.machine.Program(p.PID).File {
		s.execed(u, p, file)
	}
}
