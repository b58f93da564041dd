package settle

import (
	"fmt"
	"slices"
	"time"

	"respawner/watch/service"
)

// ladderStep is a step of the ladder, as far as the table notices it.
type ladderStep int

const (
	kernelSet ladderStep = iota
	socketFilter
	allEvents
	scan
	ladderSteps
)

func (l ladderStep) String() string {
	return [...]string{"kernel-set", "socket-filter", "events", "scan"}[l]
}

func (l ladderStep) policy() Policy {
	return [...]Policy{
		{Told: true, Lists: true, Replays: true, Exact: true},
		{Told: true, Lists: true},
		{Told: true, Exact: true},
		{},
	}[l]
}

// The pids of the kernel, which are few: the lowest that is free is given away at once.
const (
	initPID  = 1
	selfPID  = 2
	firstPID = 3
	maxPIDs  = 16
)

// kernel is a tiny model of what a supervisor sees: processes, a queue of events, descriptors.
// It has no chance in it: what happens is what it is told.
type kernel struct {
	step  ladderStep
	now   time.Duration
	pids  int // for processes
	init  *proc
	self  *proc
	procs [maxPIDs]*proc // by pid, zombies too
	lives [maxPIDs]int   // how often a pid was given away, by two
	born  uint64

	files  []file
	queue  []happening
	full   bool // nothing is queued before it was emptied
	told   bool // that was told
	filter []int
	set    map[int]birth
	chld   bool // SIGCHLD is pending

	refuse  bool // there is no descriptor for the next one that is opened
	deny    bool // /proc tells nothing of the next one that is looked up
	hangsUp bool // a pidfd stirs when its process is reaped
	tells   bool // a pidfd tells how its process ended
	alike   bool // all pidfds have one inode

	lossy bool    // a birth was lost
	dim   bool    // /proc has told nothing once
	owed  []*proc // their births are queued, and have to be told
	faint []*proc // their births are not, but the set knows of them
	heard []*proc // that the services know of
}

// birth is what the kernel's set knows.
type birth struct {
	parent int
	at     time.Duration
}

// proc is a process.
type proc struct {
	pid     int
	inode   uint64
	start   time.Duration
	stamp   time.Duration // the time of the event of its birth
	end     time.Duration
	parent  *proc
	bornTo  *proc // its parent when its birth was told
	by      *proc // has forked it
	heir    *proc // of its children
	session int
	unit    Unit
	code    int

	program  bool // of a start
	spawning bool // it has not exec'ed yet
	failed   bool // nor ever will
	unborn   bool // the event of its birth is not queued yet
	execed   bool
	dead     bool
	reaped   bool
	traced   bool
	reaper   bool // it is a child subreaper
	secret   bool // /proc tells nothing of it
	over     bool // its service knows of its end
}

func (p *proc) String() string {
	return fmt.Sprintf("%d.%d of unit %d (dead %v, reaped %v)", p.pid, p.inode, p.unit, p.dead, p.reaped)
}

// file is a pidfd, closed if it has no process.
type file struct {
	p       *proc
	awaited bool
	stirred bool
}

type happening struct {
	what   string
	pid    int
	parent int
	at     time.Duration
	exit   service.Exit
}

func newKernel(step ladderStep, pids int) *kernel {
	k := &kernel{step: step, pids: pids, set: map[int]birth{selfPID: {}}, filter: []int{selfPID}}
	k.init = &proc{pid: initPID, reaper: true}
	k.self = &proc{pid: selfPID, reaper: true, parent: k.init}
	k.procs[initPID], k.procs[selfPID] = k.init, k.self
	return k
}

func (k *kernel) tick() time.Duration {
	k.now++
	return k.now
}

// free returns the lowest pid that is free, 0 for none.
func (k *kernel) free() int {
	for pid := firstPID; pid < firstPID+k.pids; pid++ {
		if k.procs[pid] == nil && !k.isSession(pid) {
			return pid
		}
	}
	return 0
}

// isSession reports whether a process is in a session: no other gets the pid of that.
func (k *kernel) isSession(id int) bool {
	return slices.ContainsFunc(k.procs[:], func(p *proc) bool { return p != nil && p.session == id })
}

// fork makes a process that does not run before its birth is told.
func (k *kernel) fork(by, parent *proc) *proc {
	pid := k.free()
	k.born++
	k.lives[pid] = (k.lives[pid] + 1) % 2
	p := &proc{
		pid: pid, inode: k.born, start: k.tick(), stamp: k.tick(), parent: parent, bornTo: parent, by: by, session: by.session, unit: by.unit,
		secret: by.secret, unborn: true, code: 2*pid + k.lives[pid],
	}
	k.procs[pid] = p
	return p
}

func (k *kernel) tellBirth(p *proc) {
	p.unborn, p.by, p.bornTo = false, nil, p.parent
	queued := k.tell(happening{what: "fork", pid: p.pid, parent: p.parent.pid, at: p.stamp})
	byUs := !k.rootOf(p).program // of CLONE_PARENT: of which service a dead one was, nothing may tell
	if queued && p.unit > 0 && !byUs && !slices.Contains(k.heard, p) {
		k.owed = append(k.owed, p)
	}
	if _, in := k.set[p.pid]; in && !queued && p.unit > 0 {
		k.faint = append(k.faint, p)
	}
}

// rootOf returns the process above p, by their births, that was born to us.
func (k *kernel) rootOf(p *proc) *proc {
	for p.bornTo != nil && p.bornTo != k.self && p.bornTo != k.init {
		p = p.bornTo
	}
	return p
}

// tell queues an event, if a filter passes it and there is room.
func (k *kernel) tell(h happening) (queued bool) {
	switch {
	case k.step == scan || !k.passes(h):
	case k.full:
		k.lossy = true
	default:
		k.queue = append(k.queue, h)
		return true
	}
	return false
}

func (k *kernel) passes(h happening) bool {
	switch k.step {
	case socketFilter:
		return h.what == "fork" && slices.Contains(k.filter, h.parent) || slices.Contains(k.filter, h.pid)
	case kernelSet:
		_, known := k.set[h.pid]
		_, ours := k.set[h.parent]
		switch {
		case h.what != "fork":
		case ours:
			k.set[h.pid] = birth{h.parent, h.at}
			return true
		default:
			delete(k.set, h.pid)
		}
		return known
	}
	return true
}

func (k *kernel) exit(p *proc) {
	for _, c := range k.procs {
		if c != nil && c.unborn && (c == p || c.by == p || c.parent == p && k.heirOf(p) == k.init) { // no process ends within a fork
			k.tellBirth(c)
		}
	}
	p.dead, p.end = true, k.tick()
	p.heir = k.heirOf(p)
	for _, c := range k.procs {
		if c != nil && c.parent == p {
			k.reparent(c, p.heir)
		}
	}
	k.tell(happening{what: "exit", pid: p.pid, at: k.now, exit: p.exit()})
	k.stir(p)
	k.ended(p)
}

func (p *proc) exit() service.Exit { return service.Exit{Known: true, Code: p.code} }

// heirOf returns the process that gets the children of another.
func (k *kernel) heirOf(p *proc) *proc {
	for up := p.parent; up != nil; up = up.parent {
		if up.reaper && !up.dead {
			return up
		}
	}
	return k.init
}

func (k *kernel) reparent(c, heir *proc) {
	c.parent = heir
	if c.dead && !c.traced {
		k.stir(c)
		k.ended(c)
	}
}

// ended is when the parent of a dead process hears of that.
func (k *kernel) ended(p *proc) {
	switch {
	case p.traced:
	case p.parent == k.init:
		k.reap(p)
	case p.parent == k.self:
		k.chld = true
	}
}

func (k *kernel) letGo(p *proc) {
	p.traced = false
	k.stir(p)
	k.ended(p)
}

func (k *kernel) reap(p *proc) {
	p.reaped, p.parent, k.procs[p.pid] = true, nil, nil
	if k.hangsUp {
		k.stir(p)
	}
}

func (k *kernel) stir(p *proc) {
	for i := range k.files {
		if f := &k.files[i]; f.p == p && f.awaited {
			f.stirred = true
		}
	}
}

// open gives a process a descriptor, the lowest that is free.
func (k *kernel) open(p *proc) int {
	for i := range k.files {
		if k.files[i].p == nil {
			k.files[i] = file{p: p}
			return i
		}
	}
	k.files = append(k.files, file{p: p})
	return len(k.files) - 1
}

func (k *kernel) close(fd int) {
	if fd < 0 || fd >= len(k.files) || k.files[fd].p == nil {
		fail("descriptor %d is closed, and is not open", fd)
	}
	k.files[fd] = file{}
	for n := len(k.files); n > 0 && k.files[n-1].p == nil; n-- {
		k.files = k.files[:n-1]
	}
}

func (k *kernel) inodeOf(p *proc) uint64 {
	if k.alike {
		return 0
	}
	return p.inode
}

// of returns the process of a descriptor.
func (k *kernel) of(fd int) *proc {
	if fd < 0 || fd >= len(k.files) || k.files[fd].p == nil {
		fail("descriptor %d is used, and is not open", fd)
	}
	return k.files[fd].p
}

// stat returns what /proc has of a pid: nil for nothing.
func (k *kernel) stat(pid int) *proc {
	p := k.procs[pid]
	if k.deny || p != nil && p.secret {
		k.deny, k.dim = false, true
		return nil
	}
	return p
}

// childrenOf reads a children file.
func (k *kernel) childrenOf(pid int) (pids []int) {
	up := k.procs[pid]
	if up == nil || up.secret {
		return nil
	}
	var all []*proc
	for _, p := range k.procs {
		if p != nil && p.parent == up {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b *proc) int { return int(a.start - b.start) })
	for _, p := range all {
		pids = append(pids, p.pid)
	}
	return pids
}

// violation is what must never be.
type violation string

func fail(format string, args ...any) { panic(violation(fmt.Sprintf(format, args...))) }

// beyond is what can't be told right, with what there is to be known. The story ends there.
type beyond string
