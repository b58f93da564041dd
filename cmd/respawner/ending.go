package main

import (
	"cmp"
	"fmt"
	"time"

	"respawner/watch"
	"respawner/watch/control"
	"respawner/watch/service"
)

// ending is the error with which a supervisor exits, nil for a normal end. In the foreground its
// exit code is the program's.
func (o options) ending(r watch.Result) error {
	code, text := r.Status, ""
	if code != 0 {
		text = said(o, r.Text)
	}
	if o.Foreground {
		code = programCode(r)
	}
	if code == 0 {
		return nil
	}
	return exitError{code: code, msg: text}
}

// programCode returns the exit code of a program as a shell tells it: its exit status, or 128 plus the
// signal that killed it. It returns the code of the supervision where the program was not started, where its end is
// not known, or where it has failed with status 0.
func programCode(r watch.Result) int {
	switch e := r.Last.LastExit; {
	case e == nil:
		return r.Status
	case e.Signal > 0:
		return 128 + e.Signal
	case e.Code > 0:
		return e.Code
	}
	return r.Status
}

// howEnded returns how a process ended, in words.
func howEnded(e control.Exit) string {
	exit := service.Exit{Known: e.Code >= 0, Code: e.Code, Signal: e.Signal, Core: e.Core, After: time.Duration(e.After * float64(time.Second))}
	for _, by := range []service.Killer{service.ByRespawner, service.ByKernel} {
		if e.By == by.String() {
			exit.By = by
		}
	}
	return exit.Words()
}

// processEnded returns which process has ended by an event, and how.
func processEnded(ev control.Event) string {
	process := fmt.Sprintf("pid %d", ev.PID)
	if ev.Role != "" {
		process += " (" + ev.Role + ")"
	}
	if ev.Exit == nil {
		return process + " has ended"
	}
	return process + " " + howEnded(*ev.Exit)
}

// inWords returns what an event tells beside its name, in words.
func inWords(ev control.Event) string {
	switch ev.What {
	case "started":
		return fmt.Sprintf("pid %d", ev.PID)
	case "followed":
		return "it put itself into the background: pid " + ev.Text
	case "forked":
		if ev.PPID == 0 {
			return fmt.Sprintf("pid %d, child of the supervisor", ev.PID)
		}
		return fmt.Sprintf("pid %d, child of pid %d", ev.PID, ev.PPID)
	case "execed":
		return fmt.Sprintf("pid %d runs %s", ev.PID, cmp.Or(ev.Text, "another program"))
	case "exited":
		return processEnded(ev)
	case "main", "running":
		return fmt.Sprintf("main pid %d", ev.PID)
	case "killing":
		return "they did not end when asked to: pid " + ev.Text
	}
	return ev.Text
}
