package watch

import (
	"log/slog"
	"syscall"

	"respawner/watch/control"
	"respawner/watch/service"
)

// HostConfig is what there is once in a process, however many services it supervises.
type HostConfig struct {
	// Log gets what is of no single service. Its handler must not block.
	Log *slog.Logger

	// Tracking is the step of the ladder to insist on; TrackBest, the zero
	// value, takes the best that works. One that can't be had is an error of
	// Run; one that fails later is left for the best that works.
	Tracking Tracking

	// Version is what the supervisor's binary calls itself.
	Version string

	// Binary is the file that the supervisor's binary was started from. It is tried
	// before an upgrade, with RESPAWNER_UPGRADE=check in its environment: if it can take
	// over, it says Check, and nothing on stderr. Empty for no trial. Exec,
	// if not nil, execs what is there now in this process, for an upgrade in
	// place: it hands over state, and keeps descriptors open. It does not
	// return unless it has failed; then all is as before.
	Binary string
	Check  string
	Exec   func(state []byte, keep []int) error

	// Handover is the state that Exec was given, by an earlier binary in this
	// process; nil if there was none.
	Handover []byte
}

// Config is one service to supervise. What it says to be closed by the supervisor is
// closed when the service has ended, and also if it could not be begun.
type Config struct {
	Spec    service.Spec
	Program Program

	// Pidfile is the path of the daemon's own pidfile, empty for none.
	Pidfile string

	// Control is a listening, non-blocking socket on which clients ask; the
	// supervisor closes it. -1 for none.
	Control int

	// ControlGroup is the group whose members may ask as well, 0 for none.
	ControlGroup int

	// History is where events are written down, nil for nowhere; the
	// supervisor closes it. It may block.
	History HistoryFile

	// ReloadSignal is what asks the main process to read its configuration anew.
	ReloadSignal syscall.Signal

	// ID marks the service's processes in their environment (RESPAWNER_ID), so
	// that they can be found by a later supervisor; empty for no mark.
	ID string

	// State is where is written down what a later supervisor must know, nil
	// for nowhere. It may block.
	State StateFile

	// Files are the supervisor's own, which are put back when they were removed; nil for none.
	Files Files

	// Resume, if not nil, says that an earlier supervisor of the service was
	// killed, and what it has left is to be gone on with.
	Resume *Resume

	// StopOnHangup makes HUP end the service, as it ends other programs of a
	// terminal that was closed; otherwise it is ignored.
	StopOnHangup bool

	// Output is where what the program writes goes.
	Output Output

	// Reopen, if not nil, is called when log files are to be opened anew, by
	// USR1 or by a client, besides Output's. It must not block.
	Reopen func()

	// Log gets the service's messages. Its handler must not block.
	Log *slog.Logger

	// Report, if not nil, is told of the first outcome of the start, once.
	Report func(Report)
}

// StateFile keeps what a supervisor writes down, whole or not at all.
type StateFile interface{ WriteState(state []byte) error }

// Files are the files by which commands find a supervisor; a [respawner/watch/control.Claim]
// has them.
type Files interface {
	// Watch returns a descriptor that is readable when some may have gone, -1 for none. With an
	// error some are not seen. It is called once.
	Watch() (fd int, err error)
	// Noticed takes what the descriptor tells. It reports whether files may have gone.
	Noticed() bool
	// PutBack puts back what has gone. It may block.
	PutBack() (control.PutBack, error)
}

// HistoryFile keeps what has come about; a [respawner/watch/control.History] does.
type HistoryFile interface {
	Last() int64
	Append(lines []byte) error
	Close() error
}

// Resume is how to go on with the service of a supervisor that was killed.
type Resume struct {
	// State is what that one wrote down; nil, or anything else that makes no
	// sense, leaves to go by the environment of the processes alone.
	State []byte

	// Then is what becomes of the service.
	Then Then

	// Signal is what ThenStop sends in the place of TERM, unless it is 0.
	Signal int

	// Upgraded says that it was not killed: an earlier binary in this process has
	// handed the service over, see HostConfig.Handover. State is not needed then.
	Upgraded bool
}

// Then is what becomes of a service that is gone on with.
type Then int

const (
	// ThenRun has it run: it is started at once if it does not.
	ThenRun Then = iota
	// ThenGoOn goes on with it as it is: being restarted, or ended, too.
	ThenGoOn
	// ThenStop ends it.
	ThenStop
)

// Report is how a start came out.
type Report struct {
	// PID is the main process of a service that is up, else 0.
	PID int
	// TakenOver tells that nothing was started: the service goes on as it was.
	TakenOver bool
	// Status is what a command should exit with; Text says why.
	Status int
	Text   string
	// Ended tells that the service has ended, and is not tried again.
	Ended bool
	// Output is the last lines of a program that failed, where they are kept:
	// a few, none long, as it wrote them.
	Output []string
}
