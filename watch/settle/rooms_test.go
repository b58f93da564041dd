package settle

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// sim is a table above a kernel, with the rooms between: they do what those of watch do (see
// Host.turn and Host.answer there), one small step at a time. What it has to do next is data, so
// that the kernel can go on between any two steps, and so that two states can be compared.
type sim struct {
	k   *kernel
	t   *Table
	ops []op // the last one is the next

	starts  map[Unit]*start
	results []*start // that have come out
	timers  []*Process
	due     bool // they are
	buried  []*Process
	added   map[*Process]time.Duration
	changed bool
	filled  bool // all were put into the set once

	freed     bool
	blind     bool
	childDied bool
	woken     bool
	lenient   bool // what is known to go wrong is passed over
	unwatched bool // the next pidfd can't be waited for
	adopted   [3]bool
	resynced  int

	log  func(format string, args ...any) `state:"no"`
	step int                              `state:"no"`
}

// start is the start of a service's program.
type start struct {
	unit Unit
	p    *proc
	fd   int
}

// op is one thing that the rooms do.
type op struct {
	do    doing
	q     Question
	p     *Process
	look  Look
	tries int
	pids  []int
	found []Found
	mute  []int
	start *start
}

type doing int

const (
	doStir doing = iota
	doRead
	doReceive
	doStarts
	doStarted
	doLookAround
	doSettle
	doAnswer
	doStat
	doLooked
	doList
	doMark
	doTimers
	doReapRest
	doRetry
	doEnd
)

func newSim(step ladderStep, pids int) *sim {
	s := &sim{k: newKernel(step, pids), starts: map[Unit]*start{}, added: map[*Process]time.Duration{}, log: func(string, ...any) {}}
	s.t = New(selfPID, Policy{})
	s.t.SetPolicy(step.policy())
	return s
}

// goOn takes the next step; it reports whether there was one.
func (s *sim) goOn() bool {
	s.step++
	if len(s.ops) == 0 {
		if !s.isReady() {
			return false
		}
		s.beginTurn()
		return true
	}
	o := s.ops[len(s.ops)-1]
	s.ops[len(s.ops)-1] = op{}
	s.ops = s.ops[:len(s.ops)-1]
	s.do(o)
	return true
}

// next has things be done, in their order, before all others.
func (s *sim) next(ops ...op) {
	slices.Reverse(ops)
	s.ops = append(s.ops, ops...)
}

// isOpen reports whether it makes a difference when the kernel goes on before the next step.
func (s *sim) isOpen() bool {
	if len(s.ops) == 0 {
		return true
	}
	switch o := s.ops[len(s.ops)-1]; o.do {
	case doSettle, doStarted, doLookAround, doEnd, doStir, doRead, doRetry:
		return false
	case doAnswer:
		return !slices.Contains([]Ask{Wait, Unwatch, Bury, Close, Drain}, o.q.Ask)
	}
	return true
}

func (s *sim) isReady() bool {
	k := s.k
	stirred := slices.ContainsFunc(k.files, func(f file) bool { return f.stirred })
	return stirred || len(k.queue) > 0 || k.full && !k.told || len(s.results) > 0 || k.chld || s.woken || s.due && len(s.timers) > 0
}

// beginTurn is Host.turn.
func (s *sim) beginTurn() {
	s.log("turn")
	s.t.Turn()
	s.woken = false
	s.childDied, s.k.chld = s.childDied || s.k.chld, false
	var ops []op
	for fd := range s.k.files {
		if f := &s.k.files[fd]; f.stirred {
			f.stirred = false
			ops = append(ops, op{do: doStir, p: s.holder(fd)})
		}
	}
	s.next(append(ops, op{do: doRead}, op{do: doStarts}, op{do: doLookAround}, op{do: doSettle}, op{do: doTimers},
		op{do: doReapRest}, op{do: doRetry}, op{do: doSettle}, op{do: doEnd})...)
}

// holder returns the process of the table that has a descriptor.
func (s *sim) holder(fd int) *Process {
	for _, p := range s.everyone() {
		if p.FD == fd {
			return p
		}
	}
	fail("descriptor %d is waited for, and no process of the table has it", fd)
	return nil
}

// everyone returns the processes that the table has under their pid or among the dead, and those
// before them.
func (s *sim) everyone() (all []*Process) {
	add := func(p *Process) {
		for ; p != nil && p.Life != Buried; p = p.former {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	for _, p := range s.t.All() {
		add(p)
	}
	for _, p := range slices.Concat(s.t.dead, s.t.untold) {
		add(p)
	}
	return append(all, s.buried...)
}

func (s *sim) do(o op) {
	switch o.do {
	case doStir:
		s.log("stirred %v", o.p)
		s.t.Stirred(o.p)
	case doRead:
		s.beginReading()
	case doReceive:
		s.receive(o)
	case doStarts:
		s.takeStart()
	case doStarted:
		s.started(o.start)
	case doLookAround:
		if s.k.step == scan {
			s.t.LookAround()
		}
	case doSettle:
		s.settle(o)
	case doAnswer:
		s.answer(o.q)
	case doStat:
		s.stat(o)
	case doLooked:
		s.looked(o)
	case doList:
		s.listed(o)
	case doMark:
		s.readMark(o)
	case doTimers:
		s.expire()
	case doReapRest:
		s.reapRest()
	case doRetry:
		if s.freed = false; s.blind {
			s.t.Retry()
		}
	case doEnd:
		s.blind = s.blind && s.t.Unopened() > 0
		s.woken = s.woken || s.t.HasMore()
	}
}

func (s *sim) beginReading() {
	if s.changed {
		s.changed = false
		s.renew()
	}
	s.t.Reading(s.k.tick())
	s.next(op{do: doReceive})
}

// renew makes the list of the socket filter anew.
func (s *sim) renew() {
	if s.k.step != socketFilter {
		return
	}
	s.k.filter = []int{selfPID}
	for _, p := range s.t.All() {
		s.k.filter = append(s.k.filter, p.PID)
	}
}

// capacity is how many events are read at a time.
const capacity = 6

func (s *sim) receive(o op) {
	k := s.k
	switch {
	case k.full && !k.told:
		k.told = true
		s.log("lost")
		s.t.Lost()
	case len(k.queue) == 0:
		k.full, k.told = false, false
		s.t.Emptied(true)
		return
	case o.tries > capacity:
		s.t.Emptied(false)
		return
	default:
		h := k.queue[0]
		k.queue = slices.Clone(k.queue[1:])
		s.log("told %s %d<%d", h.what, h.pid, h.parent)
		s.observe(h)
	}
	s.next(op{do: doReceive, tries: o.tries + 1})
}

// observe is Host.observe.
func (s *sim) observe(h happening) {
	p := s.t.Process(h.pid)
	known := p != nil
	switch {
	case h.what == "fork":
		known = (known || h.parent == selfPID || s.t.Process(h.parent) != nil) && s.bornTo(h.parent, h.pid, h.at, false)
	case p == nil:
	case h.what == "exec":
		s.t.Execed(h.pid)
	case h.what == "exit" && (p.FD < 0 || s.hasEnded(p)):
		s.t.Exited(h.pid, h.exit)
	}
	if _, in := s.k.set[h.pid]; in && s.k.step == kernelSet && !known {
		s.t.Lost()
	}
}

func (s *sim) bornTo(parent, pid int, at time.Duration, replayed bool) bool {
	return s.t.Born(Birth{Parent: parent, Child: pid, At: at, By: at, Replayed: replayed, Held: s.holdsPID(s.t.Process(pid))})
}

func (s *sim) holdsPID(p *Process) bool {
	if p == nil || p.FD < 0 {
		return false
	}
	of := s.k.of(p.FD)
	return !of.dead || of.parent == s.k.self // MENDED: Host.holdsPid says no while a tracer holds it
}

func (s *sim) hasEnded(p *Process) bool { return p.FD >= 0 && s.k.of(p.FD).dead }

func (s *sim) takeStart() {
	if len(s.results) == 0 {
		return
	}
	out := s.results[0]
	s.results = s.results[1:]
	s.next(op{do: doRead}, op{do: doStarted, start: out}, op{do: doSettle}, op{do: doStarts})
}

func (s *sim) started(out *start) {
	s.childDied = true
	if out.fd < 0 {
		s.log("start of %d has failed", out.unit)
		pid := 0
		if out.p != nil {
			pid = out.p.pid
		}
		s.t.Failed(out.unit, pid)
		return
	}
	s.log("start of %d is %v", out.unit, out.p)
	made := Start{PID: out.p.pid, FD: out.fd, Inode: s.k.inodeOf(out.p), Held: s.holdsPID(&Process{FD: out.fd})}
	if p := s.k.stat(made.PID); p != nil && made.Held {
		made.Start = p.start
	}
	s.t.Started(out.unit, made)
}

// settle is Host.settle.
func (s *sim) settle(o op) {
	qs := s.t.Questions()
	if qs == nil || o.tries >= 200 {
		for _, e := range s.t.Settled() {
			s.hear(e)
		}
		s.giveBack()
		s.checkFiles()
		return
	}
	ops := make([]op, 0, len(qs)+1)
	for _, q := range qs {
		ops = append(ops, op{do: doAnswer, q: q})
	}
	s.next(append(ops, op{do: doSettle, tries: o.tries + 1})...)
}

func (s *sim) giveBack() {
	for _, p := range s.buried {
		if i := slices.Index(s.timers, p); i >= 0 {
			s.timers = slices.Delete(s.timers, i, i+1)
		}
		s.unwatch(p)
		s.freed = true
	}
	s.buried = nil
}

// unwatch gives a process's pidfd back.
func (s *sim) unwatch(p *Process) {
	if p.FD >= 0 {
		s.k.close(p.FD)
	}
}

// forget takes a dead process off the list of the step.
func (s *sim) forget(p *Process) {
	s.changed = true
	next := s.t.Process(p.PID)
	for _, at := range s.times(p) {
		if b, in := s.k.set[p.PID]; in && b.at == at && (next == nil || next == p || !slices.Contains(s.times(next), at)) {
			delete(s.k.set, p.PID)
		}
	}
	delete(s.added, p)
}

// times returns the times by which the kernel's set may have a process.
func (s *sim) times(p *Process) (at []time.Duration) {
	if p.Born != 0 {
		at = append(at, p.Born)
	}
	if added, is := s.added[p]; is && (added != p.Born || p.Born == 0) {
		at = append(at, added)
	}
	return at
}

func (s *sim) reapRest() {
	if !s.childDied {
		return
	}
	for _, p := range s.k.procs {
		if p != nil && p.parent == s.k.self && p.dead && !p.traced {
			s.log("a zombie: %v", p)
			if s.t.Zombie(p.pid) {
				s.next(op{do: doSettle}, op{do: doReapRest})
			}
			return
		}
	}
	s.childDied = false
}

func (s *sim) expire() {
	s.childDied = s.childDied || s.freed
	if !s.due {
		return
	}
	timers := s.timers
	s.due, s.timers = false, nil
	for _, p := range timers {
		s.log("no patience with %v", p)
		s.t.Impatient(p)
	}
}

// readMark reads the mark of one process after another.
func (s *sim) readMark(o op) {
	k := s.k
	if len(o.pids) == 0 {
		slices.SortFunc(o.found, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Start, b.Start), a.PID-b.PID) })
		s.t.Marked(o.q.Unit, o.found, o.mute)
		return
	}
	pid := o.pids[0]
	o.pids = slices.Clone(o.pids[1:])
	switch p := k.procs[pid]; {
	case p == nil || p.dead || p.secret:
		o.mute = append(slices.Clone(o.mute), pid)
	case p.unit == o.q.Unit:
		o.found = append(slices.Clone(o.found), Found{PID: pid, Start: p.start})
	}
	s.next(o)
}

func (s *sim) living() []int {
	var all []int
	for pid, p := range s.k.procs {
		if p != nil && pid >= firstPID {
			all = append(all, pid)
		}
	}
	return all
}

// births returns what the kernel's set knows, in the order of their times.
func (s *sim) births() []int {
	return slices.SortedFunc(maps.Keys(s.k.set), func(a, b int) int {
		return cmp.Or(cmp.Compare(s.k.set[a].at, s.k.set[b].at), a-b)
	})
}
