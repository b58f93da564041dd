package settle

import (
	"time"

	"respawner/watch/service"
)

// Ask is what a Question asks.
type Ask int

// What is asked, and the facts that answer it. A question without an answer is
// something to be done.
const (
	Drain     Ask = iota // read the births that are queued: Born, Execed, Exited, Lost, then Emptied
	Open                 // open P by its pid: Opened
	Await                // have P's end be told: Stirred, or Unwatched if that can't be
	End                  // how did P end? A child of ours is reaped: Over
	Check                // has P ended? If so: Stirred
	NewParent            // which process has P's children now, of which Child is one? Reparented
	Children             // which children has P, or have we, if P is nil? Listed
	Others               // have we any child at all? None, if not
	Owner                // of which service is P, a child of ours? Owned
	List                 // have births by All be told from now on: Fresh
	Replay               // which births does the kernel's set know? Born for each, then Replayed
	Marks                // which processes have the mark of Unit? Marked
	Wait                 // be patient with P for a while: Impatient
	Unwatch              // give P's FD back, with what there is of it
	Bury                 // P is out of the table: give back what there is of it
	Close                // give FD back
	Reap                 // FD is that of a dead child of ours: reap it, and give FD back
	asks
)

func (a Ask) String() string {
	return [...]string{"drain", "open", "await", "end", "check", "new parent", "children", "others", "owner", "list", "replay", "marks", "wait", "unwatch", "bury", "close", "reap"}[a]
}

// Question is something that the table has to know, or to have done.
type Question struct {
	Ask   Ask
	P     *Process
	Child *Process
	All   []*Process
	Unit  Unit
	FD    int
}

// Result is what came of an attempt to open a process.
type Result int

const (
	// Gone says that no process has the pid.
	Gone Result = iota
	// Refused says that a process has the pid, but can't be opened now.
	Refused
	// Opening says that it was opened.
	Opening
)

// Look is what an attempt to open a process by its pid has found.
type Look struct {
	Result Result
	FD     int           // of Opening
	At     time.Duration // when (CLOCK_MONOTONIC)
	Dead   bool          // it had ended when all else was read
	Inode  uint64        // of the pidfd, 0 where each has the same

	Known  bool          // the rest could be read: by /proc, of the process under the pid. Else Parent, if not 0, is known otherwise
	Start  time.Duration // its start time (CLOCK_BOOTTIME)
	Parent int           // its parent's pid; 0 if the process under that pid is not the table's
	Zombie bool          // it has ended, and its parent has not reaped it
}

// Ending is what is known of the end of a process.
type Ending struct {
	Result EndResult
	Exit   service.Exit // of Reaped, and where it is Known
}

// EndResult is which process reaps a dead one.
type EndResult int

const (
	// Elsewhere says that it is another process's child.
	Elsewhere EndResult = iota
	// Reaped says that it was a child of ours, and is reaped.
	Reaped
	// Held says that it is a child of ours, but a tracer has still to let it go.
	Held
)

// What is what an Event tells.
type What int

// What a service hears.
const (
	Spawned  What = iota // its program runs, as P
	Forked               // P was born to Parent
	Execed               // P has exec'ed
	Looked               // P may have exec'ed: its birth or an exec was not told
	Died                 // P has ended, by Exit; its children are Reaper's. Next, if any, has its pid now
	Adopted              // all that an earlier supervisor has left of it is known
	Resynced             // (for all services) what was lost is known again
)

// Event is something that has certainly happened.
type Event struct {
	What   What
	Unit   Unit
	P      *Process
	Parent int // the pid of P's parent, 0: none of the service
	Reaper int // the same of its children's new parent
	Exit   service.Exit
	Next   *Process
}

// Policy is what a step of the ladder lets us know by itself.
type Policy struct {
	// Told says that births are told by the kernel.
	Told bool
	// Lists says that a process must be put on a list for that (see List).
	Lists bool
	// Replays says that births that were not told can be asked for (see Replay).
	Replays bool
	// Exact says that no birth by a process on the list goes untold but by loss.
	Exact bool
}
