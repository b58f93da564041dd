package watch

import (
	"log/slog"

	"respawner/watch/service"
)

// Config is one service to supervise.
type Config struct {
	Spec    service.Spec
	Program Program

	// Pidfile is the path of the daemon's own pidfile, empty for none.
	Pidfile string

	// Tracking is the step of the ladder to insist on; TrackBest, the zero
	// value, takes the best that works. One that can't be had is an error of
	// Run; one that fails later is left for the best that works.
	Tracking Tracking

	// Control is a listening, non-blocking socket on which clients ask; the
	// supervisor closes it. -1 for none.
	Control int

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

// Report is how a start came out.
type Report struct {
	// PID is the main process of a service that is up, else 0.
	PID int
	// Status is what a command should exit with; Text says why.
	Status int
	Text   string
	// Ended tells that the service has ended, and is not tried again.
	Ended bool
	// Output is the last lines of a program that failed, where they are kept:
	// a few, none long, as it wrote them.
	Output []string
}
