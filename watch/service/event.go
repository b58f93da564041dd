package service

import "time"

// Event is something that happened, told to Machine.Step.
type Event interface{ kind() kind }

// The events. A parent or reaper 0 is the supervisor itself.
type (
	// Start asks for the service to be started.
	Start struct{}

	// Stop asks for the service to be ended. Timeout, unless it is nil, is in the place of
	// Spec.StopTimeout, and Signal, unless it is 0, in that of TERM, this once. Where the service
	// is being ended already, the time begins anew, and all get the signal.
	Stop struct {
		Timeout *time.Duration
		Signal  int
	}

	// Spawned answers Spawn: the program runs as PID.
	Spawned struct {
		Run     int
		PID     int
		Program Program
	}

	// SpawnFailed answers Spawn: nothing runs. Status is what a shell would
	// return: 127 when the program was not found, 126 when it can't be
	// executed, 1 for the rest; Text says why.
	SpawnFailed struct {
		Run    int
		Status int
		Text   string
	}

	// Forked tells of a new process of the forest.
	Forked struct{ Parent, Child int }

	// Execed tells that a process now runs another program, or the same anew. A
	// Program without a File is one that could not be looked up: some other one
	// than all that are known. One that is the same but for its Args, which were
	// not known, brings only those.
	Execed struct {
		PID     int
		Program Program
	}

	// Exited tells of the death of a process. Its children, if any, now
	// belong to Reaper. Where another process of the service has its pid by
	// now, Next is the birth of that one.
	Exited struct {
		PID    int
		Exit   Exit
		Reaper int
		Next   *Forked
	}

	// Released tells that a process of the forest, with all below it, is none of the service any more: it
	// supervises a service of its own.
	Released struct{ PID int }

	// Named tells that the pidfile names PID as the main process.
	Named struct{ PID int }

	// OOMKilled tells that the kernel's OOM killer has killed PID, which has ended.
	OOMKilled struct{ PID int }

	// Restart asks for the service to be ended and started anew; that is no
	// crash, so it does not count.
	Restart struct{}

	// Reset asks for crashes to be forgotten: restarts count from 0 again, and
	// one that waits for its time is due now.
	Reset struct{}

	// Resume tells a restored machine that the world is as Save left it, or
	// that it has been told of the differences: it does now what those ask for, and
	// goes on with its deadlines.
	Resume struct{}

	// Due tells that a deadline set by Arm has passed.
	Due struct{ Timer Timer }
)

type kind int

const (
	onStart kind = iota
	onStop
	onSpawned
	onSpawnFailed
	onForked
	onExeced
	onExited
	onReleased
	onNamed
	onOOMKilled
	onRestart
	onReset
	onResume
	onDue
	kinds
)

func (Start) kind() kind       { return onStart }
func (Stop) kind() kind        { return onStop }
func (Spawned) kind() kind     { return onSpawned }
func (SpawnFailed) kind() kind { return onSpawnFailed }
func (Forked) kind() kind      { return onForked }
func (Execed) kind() kind      { return onExeced }
func (Exited) kind() kind      { return onExited }
func (Released) kind() kind    { return onReleased }
func (Named) kind() kind       { return onNamed }
func (OOMKilled) kind() kind   { return onOOMKilled }
func (Restart) kind() kind     { return onRestart }
func (Reset) kind() kind       { return onReset }
func (Resume) kind() kind      { return onResume }
func (Due) kind() kind         { return onDue }

// Timer names one of a service's deadlines; each is set at most once at a time.
type Timer int

const (
	// TimerSettle ends a start.
	TimerSettle Timer = iota
	// TimerRespawn ends the wait before a restart.
	TimerRespawn
	// TimerAsk is when half of the patience is over with processes that were
	// asked to end.
	TimerAsk
	// TimerKill ends the patience with processes that were asked to end.
	TimerKill
	// TimerStuck ends the patience with those that were killed.
	TimerStuck
	timers
)

func (t Timer) String() string { return [...]string{"settle", "respawn", "ask", "kill", "stuck"}[t] }

// What names what a Note tells of.
type What string

// What a Note can tell of.
const (
	NoteStarted    What = "started"    // the program runs, as PID
	NoteFollowed   What = "followed"   // it put itself into the background; Text: the pids
	NoteForked     What = "forked"     // PID was born to Parent
	NoteExeced     What = "execed"     // PID runs another program; Text: its file, if that is known
	NoteExited     What = "exited"     // PID ended, by Exit
	NoteReleased   What = "released"   // PID is a process of another service from now on
	NoteOOMKilled  What = "oom-killed" // the kernel's OOM killer has killed PID; Text: the same in words
	NoteMain       What = "main"       // PID is the main process now
	NoteRunning    What = "running"    // up; PID is the main process
	NoteCrashed    What = "crashed"    // Text: of what
	NoteBackoff    What = "backoff"    // Text: when the next start is due
	NoteRestarting What = "restarting" // a user asked for it
	NoteStopping   What = "stopping"   // Text: why
	NoteKilling    What = "killing"    // patience is over; Text: the pids
	NoteStuck      What = "stuck"      // still there, though killed; Text: the pids
	NoteStopped    What = "stopped"    // Text: how
	NoteFailed     What = "failed"     // given up; Text: why
)

// Effect is something to be done by the caller of Machine.Step.
type Effect interface{ effect() }

// The effects.
type (
	// Spawn asks for the program to be started, after a pidfile that a dead
	// process left was removed; answer with Spawned or SpawnFailed.
	Spawn struct{ Run int }

	// Kill asks for a process to be sent a signal: KILL when Hard, else Signal, 0 being TERM (and
	// CONT, so that a stopped one can heed it).
	Kill struct {
		PID    int
		Hard   bool
		Signal int
	}

	// Arm sets a deadline, replacing an earlier one of that name.
	Arm struct {
		Timer Timer
		At    time.Time
	}

	// Disarm takes a deadline back.
	Disarm struct{ Timer Timer }

	// Log asks for a line in the log.
	Log struct {
		Warn bool
		Text string
	}

	// Note tells what has come about, for users that watch or look back.
	Note struct {
		What   What
		PID    int  // the process it is about, 0 for the service
		Parent int  // of one that was forked
		Role   Role // of one that ended
		Exit   Exit // of one that ended
		Text   string
	}

	// Up tells that the service came up, with its main process.
	Up struct{ PID int }

	// Retrying tells that a start did not come up, and that another follows.
	Retrying struct{ Text string }

	// Done tells that the service reached Stopped or Failed. Status is 0, or
	// the exit status that says why it could not be kept running.
	Done struct {
		Status int
		Text   string
	}
)

func (Spawn) effect()    {}
func (Kill) effect()     {}
func (Arm) effect()      {}
func (Disarm) effect()   {}
func (Log) effect()      {}
func (Note) effect()     {}
func (Up) effect()       {}
func (Retrying) effect() {}
func (Done) effect()     {}
