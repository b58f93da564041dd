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
	r := &search{procfs: s.kernel, memories: s.recall.memories, self: s.pid, mark: u.mark(), users: slices.Clone(u.users)}
	for _, p := range s.table.All() {
		if p.Unit == u.id && p.Life == settle.Alive && p.Start != 0 {
			r.known = append(r.known, settle.Found{PID: p.PID, Start: p.Start})
		}
	}
	s.errands.ask(&s.recall.searches, func() func() {
		r.search()
		return func() {
			s.check(r.err)
			u.see(r.users)
			s.table.Marked(u.id, r.found, r.mute)
		}
	})
}

// mark returns what the processes of a service are known by.
func (u *unit) mark() mark {
	m := mark{id: u.config.ID}
	if p := u.config.Output.Pipe; p != nil {
		m.output = p.Link()
	}
	return m
}

// see keeps the users that processes of the service have been seen with. A mark counts only on a process of one of them:
// any user may have learnt it.
func (u *unit) see(users []int) {
	for _, uid := range users {
		if !slices.Contains(u.users, uid) && len(u.users) < maxUsers {
			u.users = append(u.users, uid)
			u.recorder.stale = true
		}
	}
}

// maxUsers bounds the users of a service.
const maxUsers = 64

// usersOf returns the users of processes, if those have their pids still.
func usersOf(k procfs, known []settle.Found) (users []int) {
	for _, p := range known[:min(len(known), maxRecorded)] {
		uid, err := k.uidOf(p.PID)
		if stat, errStat := k.statOf(p.PID); err == nil && errStat == nil && stat.start == p.Start && !slices.Contains(users, uid) {
			users = append(users, uid)
		}
	}
	return users
}

// search is a search for the processes of a service by its mark.
type search struct {
	procfs   procfs
	memories memories
	self     int
	mark     mark
	known    []settle.Found // processes of the service
	users    []int          // that it has been seen with

	found []settle.Found // the elder ones first
	mute  []int          // those of which it can't be read, for one because they are dead
	err   error
}

func (r *search) search() {
	var all []int
	all, r.err = r.procfs.allPids()
	all = slices.DeleteFunc(all, func(pid int) bool { return pid == r.self })
	r.users = append(r.users, usersOf(r.procfs, r.known)...)
	for _, m := range r.memories.marks(all, r.mark) {
		if m.err != nil {
			r.mute = append(r.mute, m.pid)
			continue
		}
		if m.text != r.mark.id {
			continue
		}
		if uid, err := r.procfs.uidOf(m.pid); err != nil {
			r.mute = append(r.mute, m.pid)
		} else if slices.Contains(r.users, uid) {
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
