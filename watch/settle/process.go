package settle

import (
	"fmt"
	"slices"
	"time"

	"respawner/watch/service"
)

// Unit is the number of a service, from 1.
type Unit int

const (
	// Unclaimed is the unit of a process of which the service is not known yet.
	Unclaimed Unit = 0
	// Stranger is the unit of our processes that are of no service.
	Stranger Unit = -1
)

// Life is where a process stands between its birth and its burial.
type Life int

// The lives of a process, in their order.
const (
	Sought   Life = iota // a look, a mark, a record or a pidfile named its pid, which is not verified
	Told                 // its birth was told; it is not opened yet
	Unopened             // it lives, but no descriptor is to be had for it now
	Alive                // its pidfd is open and verified
	Dead                 // it has ended; births by it may still be queued
	Drained              // all that was queued when it was found dead was read
	Mute                 // nothing tells yet how it ended
	Ended                // how it ended is known, or never will be
	Buried               // it is out of the table
	lives
)

func (l Life) String() string {
	return [...]string{"sought", "told", "unopened", "alive", "dead", "drained", "mute", "ended", "buried"}[l]
}

// steps are the lives that may follow each life.
var steps = [lives][]Life{
	Sought:   {Unopened, Alive, Dead, Drained, Buried},
	Told:     {Unopened, Alive, Dead, Drained, Buried},
	Unopened: {Alive, Dead, Drained},
	Alive:    {Unopened, Dead, Drained},
	Dead:     {Drained},
	Drained:  {Mute, Ended},
	Mute:     {Ended},
	Ended:    {Buried},
}

// Process is a process of the table.
type Process struct {
	PID  int
	Unit Unit
	Life Life
	FD   int // its pidfd, -1 where there is none

	// Foreign says that the process does not descend from us: a pidfile named it, an
	// earlier supervisor started it, or it descends from such a process. Its orphans
	// go to init.
	Foreign bool

	Born  time.Duration // the time of its birth's event (CLOCK_MONOTONIC), 0 if that was not told
	Start time.Duration // its start time by /proc (CLOCK_BOOTTIME), 0 if not known
	Inode uint64        // of its pidfd, 0 if not known
	over  time.Duration // it had ended by then (CLOCK_BOOTTIME), 0 if that is not known

	// Room is what the rooms keep of the process, Killed says that it was sent KILL by us, and
	// Refused why it could not be signalled.
	Room    any
	Killed  bool
	Refused error

	by       time.Duration // it was born at this time at the latest (CLOCK_BOOTTIME), 0 if not known
	opened   time.Duration // when its pidfd was opened (CLOCK_MONOTONIC)
	parent   *Process      // nil: we, or for a foreign process any other
	children []*Process    // in the order of their birth
	former   *Process      // had the pid before, and is not buried yet
	reason   reason        // why it is sought
	via      *Process      // a look at its children has found it; nil: at ours

	found     bool // by something other than its birth
	listed    bool // a look has found its pid
	loose     bool // it was told while others were not, or late
	late      bool // by may be far too late
	started   bool // it is the program of a start
	told      bool // its service knows of it
	execed    bool // an exec of it was told that its service has not heard of
	obscure   bool // its exec may not have been told
	vain      bool // a start that has failed has made it, or one that had its pid before
	unread    bool // it has ended before what it ran could be looked at, which is what its children run
	parked    bool // it may be of a start under way
	reaped    bool // it was our child, and is reaped
	askedEnd  bool // how it ended was asked
	impatient bool // there is no more waiting for how it ended
	passed    bool // another process has its pid: what is told of that is not of it
	held      bool // a tracer has still to let it go
	checked   bool // whether it has ended was asked when its parent had
	searched  bool // what it may have left was looked for
	asked     bool // of which service it is was asked
	unsure    bool // the answer to that has not come yet
	placed    bool // the new parent of its children is known
	reaper    *Process

	exit service.Exit
}

// reason is why a process is sought, and so what verifies it.
type reason int

const (
	byLook   reason = iota // its parent is ours
	byMark                 // its start time is the one that was read with the mark
	byRecord               // it is the process that was written down
	byWait                 // it is a child of ours that has ended, and keeps its pid until it is reaped
	bySet                  // it started no later than the kernel's set says
	byHeir                 // its parent is ours, and it has the pid that another one had
)

func (p *Process) String() string { return fmt.Sprintf("pid %d (%v)", p.PID, p.Life) }

// Via returns the process whose children were read when p was found, nil for us; ok is false if p was
// not found by that.
func (p *Process) Via() (via *Process, ok bool) { return p.via, p.Life == Sought && p.reason == byLook }

// to brings a process into another life. A step that no process can make is a
// fault of this package.
func (p *Process) to(l Life) {
	if !slices.Contains(steps[p.Life], l) {
		panic(fmt.Sprintf("settle: %v can't become %v", p, l))
	}
	p.Life = l
}

// lives reports whether a process is not known to have ended.
func (p *Process) lives() bool { return p.Life <= Alive }

// isTop reports whether no process of the table is above it.
func (p *Process) isTop() bool { return p.parent == nil }

// top returns the process at the top of p's tree.
func (p *Process) top() *Process {
	for p.parent != nil {
		p = p.parent
	}
	return p
}

// depth returns how many processes are above p.
func (p *Process) depth() (n int) {
	for ; p.parent != nil; p = p.parent {
		n++
	}
	return n
}

// isBelow reports whether up is p or above it.
func (p *Process) isBelow(up *Process) bool {
	for ; p != nil; p = p.parent {
		if p == up {
			return true
		}
	}
	return false
}

// hang puts p under another parent.
func (p *Process) hang(parent *Process) {
	if p.parent != nil {
		i := slices.Index(p.parent.children, p)
		p.parent.children = slices.Delete(p.parent.children, i, i+1)
	}
	if p.parent = parent; parent != nil {
		parent.children = append(parent.children, p)
	}
}

// Up returns the process above p in the table, nil for none.
func (p *Process) Up() *Process { return p.parent }

// Parent returns the pid of the process above p in the table, 0 for none.
func (p *Process) Parent() int {
	if p.parent == nil {
		return 0
	}
	return p.parent.PID
}
