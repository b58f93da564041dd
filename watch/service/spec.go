package service

import (
	"fmt"
	"slices"
	"time"
)

// Follow says whether forks of the program are followed when it exits.
type Follow int

const (
	// FollowAuto follows whatever a young program leaves when it exits with
	// success; later, what it has forked right before and runs it.
	FollowAuto Follow = iota
	// FollowOn follows whatever survives the program, however old it is and
	// however it exits. One that leaves nothing has failed.
	FollowOn
	// FollowOff never does: the end of the program is the end of the service.
	FollowOff
)

func (f Follow) String() string {
	return [...]string{FollowAuto: "auto", FollowOn: "on", FollowOff: "off"}[f]
}

const (
	// Settle is how long no root must come or go until a start is over. It
	// delays "up" only; a baton that is handed over later counts as well.
	Settle = 250 * time.Millisecond

	// ForkWait is how long a start waits for a program that was said to put
	// itself into the background to do so, and how long coming and going
	// roots can draw a start out.
	ForkWait = 5 * time.Second

	// ClearTime is the least that processes have between TERM and KILL when
	// their service has crashed and its restart is due sooner.
	ClearTime = time.Second

	// Overslept is how late a deadline is acted on when the supervisor itself was
	// held up.
	Overslept = time.Second

	// StuckTime is how long after KILL it is time to tell which processes are still there.
	StuckTime = 2 * time.Second

	// Wound is how soon a helper leaves after the process it looked after was
	// killed, if it leaves because of that.
	Wound = time.Second

	// Parting is how long before its own end a main process forks the one in
	// which it goes on.
	Parting = time.Second

	// MinUptime is how long a process is young. A young root that exits with
	// success and leaves children hands over to them; later its end is the
	// service's end, unless it goes on in a process of its own program.
	MinUptime = 10 * time.Second
)

// Spec is what is asked for: one service and its rules.
type Spec struct {
	// Name is what the service is called in messages.
	Name string

	// Follow is how forks are followed.
	Follow Follow

	// Pidfile says that a pidfile may name the main process, and so one that
	// does not descend from the program.
	Pidfile bool

	// SuccessCodes are the exit statuses that are a normal end; none means 0.
	SuccessCodes []int

	// RespawnDelay is the wait between a crash and the next start, 0 or more.
	RespawnDelay time.Duration

	// RespawnLimit is how many restarts are allowed; 0 means any number.
	RespawnLimit int

	// StopTimeout is how long processes have between TERM and KILL; after a
	// crash at most until the restart is due.
	StopTimeout time.Duration
}

func (s Spec) succeeded(e Exit) bool {
	if !e.Known || e.Signal != 0 {
		return false
	}
	if len(s.SuccessCodes) == 0 {
		return e.Code == 0
	}
	return slices.Contains(s.SuccessCodes, e.Code)
}

// Exit is how a process ended.
type Exit struct {
	Known  bool // false: how is not known
	Code   int  // the exit status, when Signal is 0
	Signal int  // the signal that killed it, 0 for none
	Core   bool // it dumped core

	By    Killer        // which side sent that signal, where that is known
	After time.Duration // how long the process had had to end when respawner killed it
}

// Killer is what has killed a process.
type Killer int

const (
	// ByOther is a process that is not known, or a fault of the process's own.
	ByOther Killer = iota
	// ByRespawner is the supervisor, whose patience was over.
	ByRespawner
	// ByKernel is the kernel's OOM killer: memory had run out.
	ByKernel
)

func (k Killer) String() string { return [...]string{"", "respawner", "oom-killer"}[k] }

// sigKill is the signal that nothing survives.
const sigKill = 9

// faults are the signals that are never sent as a request: KILL, and those that
// dump core by default: QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS.
var faults = []int{sigKill, 3, 4, 5, 6, 7, 8, 11, 24, 25, 31}

// broke reports whether the process was killed, or broke by a fault of its own;
// other signals are how programs tell their helpers to end.
func (e Exit) broke() bool {
	return slices.Contains(faults, e.Signal)
}

// String is the end in the words of the log: "exited, status 1".
func (e Exit) String() string {
	switch {
	case !e.Known:
		return "ended, how is not known"
	case e.Core:
		return fmt.Sprintf("killed by signo %d, core dumped", e.Signal)
	case e.Signal != 0:
		return fmt.Sprintf("killed by signo %d", e.Signal)
	default:
		return fmt.Sprintf("exited, status %d", e.Code)
	}
}

// Program tells what a process runs: the file (an opaque identity, equal for
// equal files; empty when it could not be looked up) and its arguments as they
// were at its exec (empty as long as they are not known). A fork runs its
// parent's program.
type Program struct {
	File string
	Args string
}

// sameFile reports whether two processes run the same file. One that is not
// known is that of the process and its forks, and no other's.
func (p *Program) sameFile(q *Program) bool {
	return p == q || p.File != "" && p.File == q.File
}

// same reports whether two processes run the same program, as far as is known.
func (p *Program) same(q *Program) bool {
	return p.sameFile(q) && (p.Args == q.Args || p.Args == "" || q.Args == "")
}

// complete adds the arguments that q brings, and reports whether those were all
// that was missing.
func (p *Program) complete(q Program) bool {
	if p.Args != "" || q.Args == "" || !p.sameFile(&q) {
		return false
	}
	p.Args = q.Args
	return true
}
