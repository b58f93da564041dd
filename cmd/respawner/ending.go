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

// programCode is the exit code of a program as a shell tells it: its exit status, or 128 and the
// signal that killed it. A program that was not started, whose end is not known, or that has
// failed with status 0 has that of the supervision.
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

// howEnded says how a process ended.
func howEnded(e control.Exit) string {
	exit := service.Exit{Known: e.Code >= 0, Code: e.Code, Signal: e.Signal, Core: e.Core, After: time.Duration(e.After * float64(time.Second))}
	for _, by := range []service.Killer{service.ByRespawner, service.ByKernel} {
		if e.By == by.String() {
			exit.By = by
		}
	}
	return exit.Words()
}

// whoEnded names the process that an event tells the end of, and says how.
func whoEnded(ev control.Event) string {
	who := fmt.Sprintf("pid %d", ev.PID)
	if ev.Role != "" {
		who += " (" + ev.Role + ")"
	}
	if ev.Exit == nil {
		return who + " has ended"
	}
	return who + " " + howEnded(*ev.Exit)
}

// inWords says what an event tells beside its name.
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
		return whoEnded(ev)
	case "main", "running":
		return fmt.Sprintf("main pid %d", ev.PID)
	case "killing":
		return "they did not end when asked to: pid " + ev.Text
	}
	return ev.Text
}
