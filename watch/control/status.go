package control

import "time"

// Status is what a supervisor tells of one service, and the last words a supervisor
// leaves in its state file. `respawner status --json` prints the same and more. Fields
// are only ever added.
type Status struct {
	Name  string `json:"name"`
	State string `json:"state"` // starting, running, stopping, backoff, failed, stopped

	// Since is when the service entered State.
	Since time.Time `json:"since"`

	// MainPID is the main process, 0 when there is none.
	MainPID int `json:"main_pid"`

	// SupervisorPID is the supervisor's pid, 0 when there is none.
	SupervisorPID int `json:"supervisor_pid"`

	// Version is the version of the supervisor's binary.
	Version string `json:"version,omitempty"`

	// Command is the program by its path, and its arguments; Folder is where it runs.
	Command []string `json:"command,omitempty"`
	Folder  string   `json:"folder,omitempty"`

	// Restarts counts the starts after the first; RespawnLimit is how many
	// are allowed, 0 for any number.
	Restarts     int `json:"restarts"`
	RespawnLimit int `json:"respawn_limit"`

	// NextStart is when the next start is due; only in backoff.
	NextStart *time.Time `json:"next_start,omitempty"`

	// KillAt is when the processes that were asked to end, and are still
	// there, are killed; only while the service is being ended.
	KillAt *time.Time `json:"kill_at,omitempty"`

	// Stuck says in words which processes are still there though all were killed, and why.
	// It is empty while there are none.
	Stuck string `json:"stuck,omitempty"`

	// PIDs are all live processes of the service, ascending.
	PIDs []int `json:"pids"`

	// Processes is the same forest with its shape, parents before children.
	Processes []Process `json:"processes"`

	// Follow is how forks are followed: off, auto or on. Followed reports
	// whether the program did put itself into the background.
	Follow   string `json:"follow"`
	Followed bool   `json:"followed"`

	// Tracking is how births are known, from the best way down: kernel-set,
	// socket-filter, events, scan, pidfile; TrackingReason says why no better way
	// is used.
	Tracking       string `json:"tracking"`
	TrackingReason string `json:"tracking_reason,omitempty"`

	// LostEvents counts the events that the kernel had to drop. Resyncs counts how
	// often the forest was made whole without them.
	LostEvents int `json:"lost_events"`
	Resyncs    int `json:"resyncs"`

	// LastExit is how the service last went down: the last end of the main process, or of
	// the process whose end was the crash. It is nil before the first.
	LastExit *Exit `json:"last_exit"`

	// Said is the last lines that the program wrote before LastExit, if that was a crash. It stays until
	// the service has been running for ten minutes. Where there are no such lines, Said is what the
	// program wrote while it was started again.
	Said []string `json:"said,omitempty"`

	// Output is where the program's output is kept: the path of a file, syslog,
	// none, or terminal, which is the terminal of a supervisor in the foreground.
	Output string `json:"output,omitempty"`

	// Message says in words what a user should know: why the service failed, what is
	// wrong with the pidfile. It is empty when all is well.
	Message string `json:"message,omitempty"`
}

// Unsupervised returns the status of a service of which nothing is known.
func Unsupervised(name string) *Status {
	return &Status{Name: name, State: "stopped", PIDs: []int{}, Processes: []Process{}}
}

// Process is one live process of a service.
type Process struct {
	PID int `json:"pid"`

	// PPID is the parent; the supervisor's pid for a root.
	PPID int `json:"ppid"`

	// Role is main, root (could be main: its crash is the service's crash),
	// stray (it became the supervisor's child later: its death means nothing) or empty for the rest.
	Role string `json:"role,omitempty"`
}

// Exit is how a process ended: Code when it exited, Signal when it was
// killed; both are -1 when that is not known.
type Exit struct {
	PID    int       `json:"pid"`
	Code   int       `json:"code"`
	Signal int       `json:"signal"`
	Core   bool      `json:"core,omitempty"` // it dumped core
	At     time.Time `json:"time"`

	// By is the sender of the signal: respawner, when the process had not ended After
	// seconds after it was asked to, or oom-killer, which is the kernel's. It is empty for any other sender.
	By    string  `json:"by,omitempty"`
	After float64 `json:"after,omitempty"`
}

// Event is something that happened in a service. What can be: started,
// followed, forked, execed, exited, oom-killed, main, running, crashed, backoff,
// restarting, stopping, killing, stuck, stopped, failed (see package service);
// signalled, reset, resynced, tracking, adopted, upgraded.
type Event struct {
	// Seq counts a service's events. A supervisor goes on with the count of
	// the one before it.
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"`
	What string    `json:"what"`

	// PID is the process that the event is about, 0 for the service. PPID is the parent of a process that
	// was forked. Role and Exit are those of a process that has ended.
	PID  int    `json:"pid,omitempty"`
	PPID int    `json:"ppid,omitempty"`
	Role string `json:"role,omitempty"`
	Exit *Exit  `json:"exit,omitempty"`

	// Text says more, in words.
	Text string `json:"text,omitempty"`
}
