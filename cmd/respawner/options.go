package main

import (
	"math"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"respawner/watch"
	"respawner/watch/control"
)

// Bounds of what a user may ask for.
const (
	maxWait   = 10 * 365 * 24 * time.Hour
	maxLimit  = 1_000_000_000
	maxStatus = 255
)

// How forks are followed.
const (
	followOff  = "off"
	followAuto = "auto"
	followOn   = "on"
)

// Where messages go, when not into a file.
const (
	logSyslog = "syslog"
	logStderr = "stderr"
)

// options is a validated command line. Nothing in it depends on the working
// directory any more.
type options struct {
	Foreground   bool
	RespawnLimit int // 0: no limit
	RespawnDelay time.Duration
	StopTimeout  time.Duration
	SuccessCodes []int    // ascending, not empty
	Follow       string   // off, auto or on
	Pidfile      string   // of the daemon; empty when there is none
	Clean        []string // files to be removed before each start
	Log          string   // syslog, stderr or a path
	Tracking     watch.Tracking
	ReloadSignal syscall.Signal
	ControlGroup int // 0: none

	// Then is what becomes of a service whose supervisor has died.
	Then watch.Then

	// Output is where the user wants the program's output: syslog, none, a
	// path, or empty for the default; OutputDir is the folder of that, empty
	// when there is none.
	Output     string
	OutputDir  string
	OutputSize int64 // of a file, in bytes; 0: no limit
	OutputKeep int   // rotated files

	// RuntimeDir holds locks and sockets; PidDir the supervisor's pidfiles.
	RuntimeDir string
	PidDir     string

	// Name is the service's name. Names are the names that other commands were
	// given, as they were written. Name is the first of them.
	Name  string
	Names []string

	Program string // as the user wrote it
	Args    []string
	Bare    bool   // the command line is one word, which may be a service that was started before
	Replace bool   // a service that is there is ended first
	Folder  string // that the program is to run in, see workFolder
	JSON    bool

	Halt control.Request // how services are stopped, this once

	Signal  syscall.Signal // to be sent, to All or to the main process
	All     bool
	Force   bool          // though the process has no handler
	For     string        // the state to wait for
	Timeout time.Duration // how long; 0: for ever
	Stream  bool          // what happens from now on
	Only    []string      // the kinds of events to tell of; empty: all
	Lives   int           // how many to tell of; 0: all
	Failed  bool          // services with a problem only
	View    view          // what logs prints
}

// supervisorPidfile returns the path where the supervisor of the service leaves its own pid.
func (o options) supervisorPidfile(name string) string {
	return filepath.Join(o.PidDir, "respawner-"+name+".pid")
}

// newOptions validates what a command was given. Its errors are usageErrors.
func newOptions(c *cli.Context, steps []reader) (options, error) {
	o := options{JSON: c.Bool(flagJSON)}
	if c.Bool(flagUTC) {
		time.Local = time.UTC // the zone of all that is printed and of all that is read
	}
	for _, read := range append(steps, (*options).readRuntimeDir) {
		if err := read(&o, c); err != nil {
			return options{}, err
		}
	}
	return o, nil
}

// reader reads and validates a part of what a command was given.
type reader func(*options, *cli.Context) error

func (o *options) readCounts(c *cli.Context) (err error) {
	if o.RespawnLimit, err = parseCount(flagLimit, c.String(flagLimit)); err != nil {
		return err
	}
	o.SuccessCodes, err = parseStatuses(c.String(flagSuccess))
	return err
}

func parseCount(flag, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxLimit {
		return 0, usagef("bad --%s %q: it must be a whole number from 0 (no limit) to %d", flag, s, maxLimit)
	}
	return n, nil
}

// parseStatuses reads a list such as "0,1"; the result is sorted, each status
// once.
func parseStatuses(list string) ([]int, error) {
	var statuses []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if isAssignment(word) {
			return nil, usagef("bad --success-exit-status %q: it is a list of exit statuses; env %s respawner … sets a variable", list, shellWords([]string{word}))
		}
		if err != nil || n < 0 || n > maxStatus {
			return nil, usagef("bad --success-exit-status %q: it must be a list of numbers from 0 to %d, such as 0,1", list, maxStatus)
		}
		statuses = append(statuses, n)
	}
	slices.Sort(statuses)
	return slices.Compact(statuses), nil
}

func (o *options) readDurations(c *cli.Context) (err error) {
	if o.RespawnDelay, err = parseSeconds(flagDelay, c.String(flagDelay)); err != nil {
		return err
	}
	o.StopTimeout, err = parseSeconds(flagStopTimeout, c.String(flagStopTimeout))
	return err
}

func (o *options) readControl(c *cli.Context) (err error) {
	if o.ReloadSignal, err = parseSignal(c.String(flagReload)); err != nil {
		return err
	}
	if name := c.String(flagGroup); name != "" {
		o.ControlGroup, err = parseGroup(name)
	}
	return err
}

// parseGroup reads a group's name, or its number. The members of root's group
// may do everything already.
func parseGroup(name string) (int, error) {
	word := name
	if g, err := user.LookupGroup(name); err == nil {
		word = g.Gid
	}
	gid, err := strconv.ParseUint(word, 10, 31)
	if err != nil || gid == 0 {
		return 0, usagef("bad --control-group %q: it must be the name or number of a group, not root's", name)
	}
	return int(gid), nil
}

// parseSeconds reads seconds (5, 0.25) or a duration with units (1m30s).
func parseSeconds(flag, s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, floatErr := strconv.ParseFloat(s, 64); floatErr == nil {
		// Compared as a float, since a huge one has no time.Duration; NaN
		// fails both comparisons.
		if !(n >= 0 && n <= maxWait.Seconds()) {
			n = -1
		}
		d, err = time.Duration(math.Round(n*float64(time.Second))), nil
	}
	if err != nil || d < 0 || d > maxWait {
		return 0, usagef("bad --%s %q: it must be seconds such as 5 or 0.25, or a duration such as 1m30s, at most ten years", flag, s)
	}
	return d, nil
}

func (o *options) readFailed(c *cli.Context) error {
	o.Failed = c.Bool(flagFailed)
	return nil
}

func (o *options) readForeground(c *cli.Context) error {
	o.Foreground = c.Bool(flagForeground)
	return nil
}

func (o *options) readForce(c *cli.Context) error {
	o.Force = c.Bool(flagForce)
	return nil
}

// readFollow chooses how forks are followed. A pidfile is written by daemons
// only, so -p says that the program is one.
func (o *options) readFollow(c *cli.Context) error {
	follow, noFollow := c.Bool(flagFollow), c.Bool(flagNoFollow)
	switch {
	case follow && noFollow:
		return usagef("--follow-forks and --no-follow-forks exclude each other: give one of them, or none to let respawner find out")
	case noFollow:
		o.Follow = followOff
	case follow || c.IsSet(flagPidfile):
		o.Follow = followOn
	default:
		o.Follow = followAuto
	}
	return nil
}

func (o *options) readPidfile(c *cli.Context) (err error) {
	if !c.IsSet(flagPidfile) {
		return nil
	}
	path := c.String(flagPidfile)
	if path == "" {
		path = filepath.Join(pidDir(), o.Name+".pid")
	}
	o.Pidfile, err = absolute(flagPidfile, path)
	return err
}

func (o *options) readClean(c *cli.Context) error {
	for _, path := range c.StringSlice(flagClean) {
		if path == "" {
			return usagef("--clean needs a value: which file is to be removed before a start?")
		}
		abs, err := absolute(flagClean, path)
		if err != nil {
			return err
		}
		o.Clean = append(o.Clean, abs)
	}
	return nil
}

func (o *options) readTracking(c *cli.Context) error {
	word := c.String(flagTracking)
	var ok bool
	switch o.Tracking, ok = watch.ParseTracking(word); {
	case !ok:
		return usagef("bad --tracking %q: it must be kernel-set, socket-filter, events, scan or pidfile", word)
	case o.Tracking == watch.TrackBest && c.IsSet(flagTracking):
		return usagef("--tracking needs a value: kernel-set, socket-filter, events, scan or pidfile")
	case o.Tracking == watch.TrackPidfile && o.Pidfile == "":
		return usagef("--tracking pidfile needs -p: which file would it be?")
	}
	return nil
}

func (o *options) readLog(c *cli.Context) (err error) {
	where := c.String(flagLog)
	switch {
	case where == logStderr && !o.Foreground:
		err = usagef("--log stderr goes with -D: in the background there is no stderr")
	case where == logSyslog || where == logStderr:
		o.Log = where
	case where != "":
		o.Log, err = absolute(flagLog, where)
	case c.IsSet(flagLog):
		err = usagef("--log needs a value: syslog, stderr, or a file")
	case o.Foreground:
		o.Log = logStderr
	default:
		o.Log = logSyslog
	}
	return err
}

// readRuntimeDir finds the runtime dir. The supervisor's pidfile goes where
// the seed has it, but into the runtime dir when one was given.
func (o *options) readRuntimeDir(c *cli.Context) (err error) {
	if dir := c.String(flagRuntimeDir); dir != "" {
		o.RuntimeDir, err = absolute(flagRuntimeDir, dir)
		o.PidDir, o.OutputDir = o.RuntimeDir, filepath.Join(o.RuntimeDir, "log")
		return err
	}
	o.RuntimeDir, o.PidDir, o.OutputDir = control.DefaultDir(os.Geteuid()), pidDir(), outputFolder()
	return nil
}

// pidDir returns the folder of the pidfiles, which is the seed's.
func pidDir() string {
	if os.Geteuid() == 0 {
		return "/run"
	}
	return "/tmp"
}

// absolute returns a path that means the same in each working directory.
func absolute(flag, path string) (string, error) {
	if strings.ContainsRune(path, 0) {
		return "", usagef("bad --%s %q: a path has no NUL in it", flag, path)
	}
	abs, err := inFolder(path)
	if err != nil {
		return "", usagef("bad --%s %q: %v; give an absolute path", flag, path, err)
	}
	return abs, nil
}
