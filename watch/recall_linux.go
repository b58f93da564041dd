package watch

import (
	"cmp"
	"slices"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// recall is the room that has the memory of processes read, by errands: a process may keep it
// locked. Searches through all of /proc and what is asked of single processes have a lane each, so
// they take turns.
type recall struct {
	memories memories
	searches lane
	singles  lane
	marks    []*settle.Process // whose marks are to be read
	args     []*argsOf         // arguments that are to be read
	reading  []*argsOf         // by the errand that is under way
}

// argsOf are the arguments of a process of a service.
type argsOf struct {
	unit *unit
	p    *settle.Process
	file string // that it runs
	void bool   // it has exec'ed since
}

func newRecall(m memories, c *crew) recall {
	return recall{memories: m, searches: lane{crew: c}, singles: lane{crew: c}}
}

// searchMarks has all of /proc searched for the processes of a service by its mark.
func (s *Host) searchMarks(u *unit) {
	if u.config.ID == "" {
		s.table.Marked(u.id, nil, nil)
		return
	}
	r := &search{procfs: s.kernel, memories: s.recall.memories, self: s.pid, id: u.config.ID}
	s.errands.ask(&s.recall.searches, func() func() {
		r.search()
		return func() {
			s.check(r.err)
			s.table.Marked(u.id, r.found, r.mute)
		}
	})
}

// search is a search for the processes of a service by its mark.
type search struct {
	procfs   procfs
	memories memories
	self     int
	id       string

	found []settle.Found // the elder ones first
	mute  []int          // those of which it can't be read, for one because they are dead
	err   error
}

func (r *search) search() {
	var all []int
	all, r.err = r.procfs.allPids()
	all = slices.DeleteFunc(all, func(pid int) bool { return pid == r.self })
	for _, m := range r.memories.environs(all, markID) {
		switch {
		case m.err != nil:
			r.mute = append(r.mute, m.pid)
		case m.text == r.id:
			r.found = append(r.found, settle.Found{PID: m.pid, Start: m.start})
		}
	}
	slices.SortFunc(r.found, func(a, b settle.Found) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.PID, b.PID)) })
}

// askMark has the mark of a process read, for its owner to be found.
func (s *Host) askMark(p *settle.Process) {
	if r := &s.recall; !slices.Contains(r.marks, p) {
		r.marks = append(r.marks, p)
	}
	s.remember()
}

// askArgs has the arguments of a process read that are not known, if they matter. What is being read of it
// may be those before its exec.
func (s *Host) askArgs(u *unit, p *settle.Process) {
	r := &s.recall
	for _, a := range slices.Concat(r.args, r.reading) {
		a.void = a.void || a.p == p
	}
	if u.machine.LacksArgs(p.PID) {
		r.args = append(r.args, &argsOf{unit: u, p: p, file: u.machine.Program(p.PID).File})
		s.remember()
	}
}

// execed tells a service what a process has exec'ed. The arguments may follow.
func (s *Host) execed(u *unit, p *settle.Process, file string) {
	s.tell(u, service.Execed{PID: p.PID, Program: service.Program{File: file}})
	s.askArgs(u, p)
}

// remember has all read that is asked, if that is not being done. What is asked meanwhile is read in one go
// after that.
func (s *Host) remember() {
	r := &s.recall
	if r.singles.busy() || len(r.marks)+len(r.args) == 0 {
		return
	}
	marks, args, memories := r.marks, r.args, r.memories
	r.marks, r.args, r.reading = nil, nil, args
	var marked, argued []int
	for _, p := range marks {
		marked = append(marked, p.PID)
	}
	for _, a := range args {
		argued = append(argued, a.p.PID)
	}
	s.errands.ask(&r.singles, func() func() {
		m, a := memories.environs(marked, markName), memories.args(argued)
		return func() {
			r.reading = nil
			for i, p := range marks {
				s.findMarked(p, m[i].text)
			}
			for i, q := range args {
				s.takeArgs(q, a[i])
			}
			s.remember()
		}
	})
}

// takeArgs tells a service the arguments of a process, if that still runs what it did.
func (s *Host) takeArgs(q *argsOf, m memory) {
	u, p, file := q.unit, q.p, service.Program{File: q.file}
	switch {
	case m.err != nil, q.void, s.table.Known(u.id, p.PID) != p, u.machine.Program(p.PID) != file:
	case p.FD >= 0 && !s.holdsPid(p), p.FD < 0 && m.start != p.Start, s.fileOf(p.PID) != q.file:
	default:
		s.tell(u, service.Execed{PID: p.PID, Program: service.Program{File: q.file, Args: m.text}})
	}
}
