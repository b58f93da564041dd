package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// model is a kernel that is made of nothing: processes in a tiny pid space, a
// clock, a connector with a short queue. Whenever the supervisor asks it for
// anything, other processors may have been at work before. All that happens is
// chosen by one source of chance, so a seed tells a whole life.
type model struct {
	life   *life
	chance *rand.Rand
	knobs  knobs

	time  time.Duration // CLOCK_MONOTONIC
	slept time.Duration // what CLOCK_BOOTTIME has more, for the machine was suspended
	wall  time.Time     // what the wall clock shows at time 0

	tasks    [maxPid]*task // by pid; zombies too
	sessions [maxPid]int   // how many are in each
	pids     []int         // of tasks, in order
	lastPid  int
	freed    int // the last pid that was
	inodes   uint64
	init     *task
	self     *task // the supervisor

	files   []file // the supervisor's descriptors; none is used twice
	epoll   *epollSet
	queue   *modelConn // the connector, while the supervisor listens
	chld    bool       // SIGCHLD is pending
	term    bool       // TERM is
	jobs    []job      // of the supervisor's other threads
	timers  *modelTimers
	client  *modelClient
	carrier *modelCarrier

	births []*task // processes that wait until their birth is told: they don't run before
	exits  []exitNews
	todo   []duty // room for work
	busy   int    // system calls since the clock was last moved on
}

// maxPid is more than any pid.
const maxPid = 256

// knobs are what a life is like: which kernel it is, and what can go wrong.
type knobs struct {
	pids     int // in all
	queue    int // events that the connector can hold
	setSize  int
	shared   bool // the supervisor has children that are of no service
	noDial   bool // no connector at all
	noBPF    bool
	noFilter bool
	exitInfo bool // PIDFD_INFO_EXIT
	hangUp   bool // a pidfd hangs up when its process is reaped
	slow     bool // a start may take seconds

	faults int // how often, in 1,000
	loss   int // events that are lost without a word, in 1,000
	deaf   int // the connector falls silent, in 10,000

	secrets bool // the supervisor is not root: some processes are not its own
	hidepid int  // of those /proc tells nothing (1), or that there are none (2)
}

// task is a process.
type task struct {
	pid      int
	inode    uint64
	start    time.Duration
	parent   *task
	by       *task // the process that has forked it
	children []*task
	session  int
	program  service.Program
	env      string
	of       *subject      // the service that it is of, by the process that has begotten it; nil for a stranger
	unborn   bool          // its birth is not told of, so it does not run yet
	stamp    time.Duration // the time of that event, when it has one
	spawning bool          // it has not exec'ed yet
	reaper   bool          // PR_SET_CHILD_SUBREAPER
	lazy     bool          // it never reaps
	heedless bool          // it ignores TERM
	headless bool          // its first thread has left it, so nothing tells how the last one ended
	traced   bool          // by a tracer, which gets to know first that it is dead
	blurred  bool          // what it runs is not what its parent is known to run
	home     bool          // it is in the session that its service was started in
	secret   bool          // it runs a setuid program: what it is can't be read
	other    bool          // it has become another user's: it can't be signalled, either
	dead     bool
	stirs    int // how often its pidfd has stirred
	reaped   bool
	status   unix.WaitStatus
	plan     trade
}

// exitNews is the event of an end, which comes after the end itself.
type exitNews struct {
	pid    int
	status unix.WaitStatus
}

func newModel(seed uint64, l *life) *model {
	m := &model{
		life: l, chance: rand.New(rand.NewPCG(seed, 0)), time: time.Hour, wall: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	m.init = m.add(nil)
	return m
}

// one reports whether something happens that does so once in n times.
func (m *model) one(in int) bool { return in > 0 && m.chance.IntN(in) == 0 }

// fails reports whether something goes wrong this time.
func (m *model) fails() bool {
	return m.life.chaos && m.life.runs && m.chance.IntN(1000) < m.knobs.faults
}

// add makes a process; nil when there is no pid left.
func (m *model) add(parent *task) *task {
	pid := m.freePid()
	if pid == 0 {
		return nil
	}
	m.inodes++
	m.time += time.Microsecond // a pid is given to one at a time
	t := &task{pid: pid, inode: m.inodes, start: m.uptime(), parent: parent, session: pid}
	m.tasks[pid] = t
	m.sessions[pid]++
	at, _ := slices.BinarySearch(m.pids, pid)
	m.pids = slices.Insert(m.pids, at, pid)
	if parent != nil {
		parent.children = append(parent.children, t)
	}
	return t
}

// freePid goes round, as the kernel does; now and then all others have had
// their turn since a process was reaped.
func (m *model) freePid() int {
	if m.freed != 0 && m.isFree(m.freed) && m.one(4) {
		return m.freed
	}
	for range max(m.knobs.pids, 1) {
		m.lastPid++
		if m.lastPid > m.knobs.pids {
			m.lastPid = 2
		}
		if len(m.pids) == 0 {
			m.lastPid = 1
		}
		if m.isFree(m.lastPid) {
			return m.lastPid
		}
	}
	return 0
}

// isFree reports whether a pid is that of no process, nor of a session that has one.
func (m *model) isFree(pid int) bool { return m.tasks[pid] == nil && m.sessions[pid] == 0 }

// enterSession puts a process into a session.
func (m *model) enterSession(t *task, session int) {
	m.sessions[t.session]--
	m.sessions[session]++
	t.session = session
}

// fork makes a child of by; with sibling its parent is by's own (CLONE_PARENT).
// It does not run before its birth is told.
func (m *model) fork(by *task, sibling bool) *task {
	parent := by
	if sibling {
		parent = by.parent
	}
	if by.secret && !m.isBelow(by) {
		return nil // nothing could tell that it is of the service
	}
	t := m.add(parent)
	if t == nil {
		return nil
	}
	m.enterSession(t, by.session)
	t.program, t.env, t.of, t.unborn = by.program, by.env, by.of, true
	t.lazy, t.heedless, t.by, t.home, t.secret, t.other = by.lazy, by.heedless, by, by.home, by.secret, by.other
	t.blurred = by.blurred || sibling && parent != m.self // it is told as a child of one that may run another program
	m.births = append(m.births, t)
	m.note("fork", t)
	return t
}

// exit ends a process: its children go to the next reaper, and the parent is
// told.
func (m *model) exit(t *task, status unix.WaitStatus) {
	if t.dead {
		return
	}
	for _, child := range slices.Clone(m.births) { // a fork is a system call: no process ends within it
		if child.by == t || child.parent == t && m.reaperOf(t) == m.init { // nor, of adopted ones, to init by CLONE_PARENT: see begetsSibling
			m.tellBirth(child)
		}
	}
	t.dead, t.status = true, status
	t.stirs++
	m.note("end", t)
	if t.of != nil {
		t.of.died(status)
	}
	reaper := m.reaperOf(t)
	for _, c := range t.children {
		c.parent = reaper
		reaper.children = append(reaper.children, c)
		m.chld = m.chld || c.dead && !c.traced && reaper == m.self
		c.stir()
	}
	t.children = nil
	if t.unborn { // killed before it ran: the birth is told all the same
		m.tellBirth(t)
	}
	if !t.headless {
		m.exits = append(m.exits, exitNews{t.pid, status})
	}
	switch {
	case t.traced: // no other is told for now
	case t.parent == m.self:
		m.chld = true
	case t.parent.lazy && m.one(2): // or rather it ignores SIGCHLD
		m.reapTask(t)
	}
}

// stir has what waits for a dead process's pidfd be woken again.
func (t *task) stir() {
	if t.dead && !t.traced {
		t.stirs++
	}
}

// reaperOf returns the process that gets the children of another.
func (m *model) reaperOf(t *task) *task {
	for p := t.parent; p != nil; p = p.parent {
		if p.reaper && !p.dead {
			return p
		}
	}
	return m.init
}

// isBelow reports whether a process descends from the supervisor.
func (m *model) isBelow(t *task) bool {
	for t != nil && t != m.self {
		t = t.parent
	}
	return t != nil
}

// letGo is what a tracer does with a dead process: its parent is told now.
func (m *model) letGo(t *task) {
	t.traced = false
	m.chld = m.chld || t.parent == m.self
	t.stir()
}

// reapTask does away with a zombie: its pid is free.
func (m *model) reapTask(t *task) {
	t.reaped = true
	if m.knobs.hangUp {
		t.stirs++
	}
	m.note("reaped", t)
	m.tasks[t.pid] = nil
	m.sessions[t.session]--
	m.freed = t.pid
	at, _ := slices.BinarySearch(m.pids, t.pid)
	m.pids = slices.Delete(m.pids, at, at+1)
	i := slices.Index(t.parent.children, t)
	t.parent.children = slices.Delete(t.parent.children, i, i+1)
	t.parent = nil
}

// exec has a process run another program.
func (m *model) exec(t *task, file string) {
	m.blur(t)
	t.program, t.blurred = service.Program{File: file, Args: file + "\x00"}, false
	m.note("exec "+file, t)
	m.tellExec(t)
}

// blur is for the children that a process has forked before it execs: when their birth
// is told, that may be known already.
func (m *model) blur(by *task) {
	for _, pid := range m.pids {
		if t := m.tasks[pid]; t.by == by && !t.blurred {
			t.blurred = true
			m.blur(t)
		}
	}
}

// living are the processes of a service that live, in the order of their pids;
// with nil those of all services.
func (m *model) living(of *subject) (ts []*task) {
	for _, pid := range m.pids {
		if t := m.tasks[pid]; t.of != nil && (of == nil || t.of == of) && !t.dead {
			ts = append(ts, t)
		}
	}
	return ts
}

// note tells of something that happens in the world.
func (m *model) note(what string, t *task) {
	if m.life.tracing {
		m.life.tell(fmt.Sprintf("  ~ %s %v", what, t))
	}
}

func (t *task) String() string {
	s := fmt.Sprint(t.pid)
	if t.of != nil {
		s += "=" + t.of.config.Spec.Name
	}
	if t.parent != nil {
		s += fmt.Sprintf("<%d", t.parent.pid)
	}
	if t.dead {
		s += fmt.Sprintf("(dead %d)", t.status)
	}
	if t.unborn {
		s += "(unborn)"
	}
	return s
}
