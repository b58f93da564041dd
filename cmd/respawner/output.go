package main

import (
	"fmt"
	"log/syslog"
	"os"
	"path/filepath"
	"time"

	"respawner/watch"
	"respawner/watch/control"
	"respawner/watch/safepath"
)

// Where the program's output goes, when not into a file.
const (
	outputSyslog   = "syslog"
	outputNone     = "none"
	outputTerminal = "terminal" // its own: that of a supervisor in the foreground
)

// outputFolder returns the folder in which the output of programs is kept unless the user says
// where. It is empty when there is no such folder.
func outputFolder() string {
	if os.Geteuid() == 0 {
		return "/var/log/respawner"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "respawner")
	}
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return filepath.Join(home, ".local/state/respawner")
}

// keptOutput returns the file in which the output of a service is kept unless the user says where.
func (o options) keptOutput(name string) string { return filepath.Join(o.OutputDir, name+".log") }

// openOutput opens what the program will write to. A place that the user has
// not chosen may be missing: then there is a warning, and nothing is kept. Where
// a program runs already (goOn), which must have a reader, there is a warning
// for each place, and the lines are lost until it can be had. fd is what an
// earlier binary had open, 0 for nothing.
func openOutput(o options, claim *control.Claim, goOn bool, fd int) (out watch.Output, warning string, err error) {
	out.Name = o.Output
	switch {
	case o.Output == outputNone:
		return out, "", nil
	case o.Output == "" && o.Foreground:
		out.Name = outputTerminal
		return out, "", nil
	case o.Output == outputSyslog:
		out.Sink = &outputToSyslog{syslogSink{dial: func() (*syslog.Writer, error) { return dialSyslog(o.Name) }}}
	case o.Output != "":
		out.Sink, err = o.openKeptFile(o.Output, fd)
	default:
		out.Name = o.keptOutput(o.Name)
		if out.Sink, err = openKept(o, fd); err != nil && (!goOn || out.Sink == nil) {
			return watch.Output{Name: outputNone}, fmt.Sprintf("the program's output is not kept (choose a place with --output): %v", err), nil
		}
	}
	if err != nil && goOn {
		warning, err = fmt.Sprintf("the program's output is not kept for now: %v", err), nil
	}
	if err != nil {
		return watch.Output{}, "", fmt.Errorf("--output: %w", err)
	}
	out.Pipe, err = claim.OpenPipe()
	return out, warning, err
}

// openKeptFile opens a file, or goes on with the descriptor of an earlier binary. With an
// error it is one that is opened when there is something to write.
func (o options) openKeptFile(path string, fd int) (watch.Sink, error) {
	if fd > 0 {
		if f, err := goOnWriting(path, o.OutputSize, o.OutputKeep, fd); err == nil {
			return f, nil
		}
	}
	return openOutputFile(path, o.OutputSize, o.OutputKeep)
}

func openKept(o options, fd int) (watch.Sink, error) {
	if o.OutputDir == "" {
		return nil, fmt.Errorf("there is no home directory for it")
	}
	errDir := safepath.MkdirAll(o.OutputDir, 0o750)
	sink, err := o.openKeptFile(o.keptOutput(o.Name), fd)
	if err != nil && errDir != nil {
		err = errDir // errDir says more
	}
	return sink, err
}

// outputToSyslog sends each line to the local syslogd, under the service's name.
type outputToSyslog struct{ syslogSink }

// Write implements watch.Sink.
func (s *outputToSyslog) Write(at time.Time, lines [][]byte) (int, error) {
	for i, line := range lines {
		if err := s.write(logLine{time: at, text: string(line)}); err != nil {
			return i, err
		}
	}
	return len(lines), nil
}

// Reopen implements watch.Sink.
func (s *outputToSyslog) Reopen() error { return s.reopen() }

// Close implements watch.Sink.
func (s *outputToSyslog) Close() error { return s.close() }
