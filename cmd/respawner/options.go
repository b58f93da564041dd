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
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"respawner/watch"
)

// Bounds of what a user may ask for.
const (
	maxWait    = 10 * 365 * 24 * time.Hour
	maxLimit   = 1_000_000_000
	maxStatus  = 255
	maxNameLen = 64
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

// options is a validated command line; nothing in it depends on the working
// directory any more.
type options struct {
	Foreground   bool
	RespawnLimit int // 0: no limit
	RespawnDelay time.Duration
	StopTimeout  time.Duration
	SuccessCodes []int  // ascending, not empty
	Follow       string // off, auto or on
	Pidfile      string // of the daemon; empty when there is none
	Log          string // syslog, stderr or a path
	Tracking     watch.Tracking
	ReloadSignal syscall.Signal
	ControlGroup int // 0: none

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

	// Name is the service's name; Names are those that stop and status were
	// asked for, Name being the first.
	Name  string
	Names []string

	// Then is what becomes of a service whose supervisor has died.
	Then watch.Then

	Program string // as the user wrote it
	Args    []string
	JSON    bool
	View    view // of logs
}

// supervisorPidfile is where the supervisor of the service leaves its own pid.
func (o options) supervisorPidfile(name string) string {
	return filepath.Join(o.PidDir, "respawner-"+name+".pid")
}

// newOptions validates what a command was given. Its errors are usageErrors.
func newOptions(c *cli.Context) (options, error) {
	o := options{
		Foreground: c.Bool(flagForeground),
		JSON:       c.Bool(flagJSON),
	}
	steps := []func(*cli.Context) error{
		o.readOperands, o.readName, o.readCounts, o.readDurations, o.readFollow, o.readPidfile, o.readTracking, o.readControl,
		o.readLog, o.readRuntimeDir, o.readOutput, o.readView,
	}
	for _, step := range steps {
		if err := step(c); err != nil {
			return options{}, err
		}
	}
	return o, nil
}

// readOperands takes the command's words apart: names up to "--", then ARGS.
func (o *options) readOperands(c *cli.Context) error {
	operands := c.Args().Slice()
	if i := slices.Index(operands, "--"); i >= 0 {
		operands, o.Args = operands[:i], operands[i+1:]
	}
	for _, flag := range []string{flagFollowLog, flagLines, flagSince} {
		if c.IsSet(flag) && c.Command.Name != "logs" {
			return usagef("--%s belongs to logs: %s prints no lines", flag, c.Command.Name)
		}
	}
	if c.Command.Name == "start" {
		return o.readProgram(operands)
	}
	if o.JSON && c.Command.Name != "status" && c.Command.Name != "list" {
		return usagef("--json belongs to status and list: %s prints no JSON", c.Command.Name)
	}
	if c.Command.Name == "logs" && len(operands) > 1 {
		return usagef("one log at a time, but got %q too", operands[1])
	}
	for _, word := range operands {
		o.Names = append(o.Names, baseName(word))
	}
	return nil
}

// readProgram makes sure that start has exactly one program.
func (o *options) readProgram(operands []string) error {
	switch {
	case o.JSON:
		return usagef("--json belongs to status and list: start prints no JSON")
	case len(operands) == 0 || operands[0] == "":
		return usagef("no program: write respawner start PROGRAM [-- ARGS...]")
	case len(operands) > 1:
		return usagef("one program at a time, but got %q too: the program's own arguments go after --", operands[1])
	}
	o.Program = operands[0]
	o.Names = []string{baseName(operands[0])}
	return nil
}

// baseName is the name that a program's path gives to its service.
func baseName(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}

// readName lets --name take the place of the one name that the program gives.
func (o *options) readName(c *cli.Context) error {
	if c.IsSet(flagName) {
		if len(o.Names) > 1 {
			return usagef("--name names one service, but got %d names besides", len(o.Names))
		}
		o.Names = []string{c.String(flagName)}
	}
	command := c.Command.Name
	switch {
	case len(o.Names) > 0 && (command == "list" || command == "top"):
		return usagef("%s shows all services, so it takes no name: status or tree NAME shows one", command)
	case len(o.Names) == 0 && slices.Contains([]string{"list", "tree", "top"}, command):
		return nil
	case len(o.Names) == 0:
		return usagef("no program: write respawner %s NAME...", command)
	}
	for _, name := range o.Names {
		if why := nameFault(name); why != "" {
			return usagef("bad service name %q: %s; choose one with --name", name, why)
		}
	}
	o.Name = o.Names[0]
	return nil
}

// nameFault says why name cannot be part of file names and log lines; empty
// when it can.
func nameFault(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > maxNameLen:
		return "it is longer than " + strconv.Itoa(maxNameLen) + " bytes"
	case name == "." || name == "..":
		return "it means a directory"
	case strings.Contains(name, "/"):
		return "it must not contain /"
	case name[0] == '-' || name[0] == '.':
		return "it must not begin with " + name[:1]
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "it must be printable text"
	}
	return ""
}

func (o *options) readCounts(c *cli.Context) (err error) {
	if o.RespawnLimit, err = parseLimit(c.String(flagLimit)); err != nil {
		return err
	}
	o.SuccessCodes, err = parseStatuses(c.String(flagSuccess))
	return err
}

func parseLimit(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > maxLimit {
		return 0, usagef("bad --respawn-limit %q: it must be a whole number from 0 (no limit) to %d", s, maxLimit)
	}
	return n, nil
}

// parseStatuses reads a list such as "0,1"; the result is sorted, each status
// once.
func parseStatuses(list string) ([]int, error) {
	var statuses []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
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

// parseGroup reads a group's name, or its number. That of root has no members
// who could not do all anyway.
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
	case where == logStderr && !o.Foreground && c.Command.Name == "start":
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
	o.RuntimeDir, o.PidDir, o.OutputDir = defaultRuntimeDir(), pidDir(), outputFolder()
	return nil
}

func defaultRuntimeDir() string {
	uid := os.Geteuid()
	if uid == 0 {
		return "/run/respawner"
	}
	// The base directory specification has relative paths ignored.
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "respawner")
	}
	return "/tmp/respawner-" + strconv.Itoa(uid)
}

// pidDir is where pidfiles are, as the seed has it.
func pidDir() string {
	if os.Geteuid() == 0 {
		return "/run"
	}
	return "/tmp"
}

// absolute makes a path mean the same wherever it is used.
func absolute(flag, path string) (string, error) {
	if strings.ContainsRune(path, 0) {
		return "", usagef("bad --%s %q: a path has no NUL in it", flag, path)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", usagef("bad --%s %q: %v; give an absolute path", flag, path, err)
	}
	return abs, nil
}
