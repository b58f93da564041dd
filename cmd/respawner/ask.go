package main

import (
	"context"
	"fmt"

	"respawner/watch/control"
)

// restart ends services and starts them anew.
func restart(o options) error {
	return o.ask(control.Request{Op: control.OpRestart}, func(s *control.Status) string {
		return fmt.Sprintf("%s is running, main pid %d", s.Name, s.MainPID)
	})
}

// reload tells services to read their configuration anew.
func reload(o options) error {
	return o.ask(control.Request{Op: control.OpReload}, func(s *control.Status) string {
		return fmt.Sprintf("%s was told to reload, main pid %d", s.Name, s.MainPID)
	})
}

// sendSignal sends services a signal.
func sendSignal(o options) error {
	return o.ask(control.Request{Op: control.OpSignal, Signal: int(o.Signal), All: o.All}, func(s *control.Status) string {
		to := fmt.Sprintf("main pid %d", s.MainPID)
		if o.All {
			to = "all its processes"
		}
		return fmt.Sprintf("%s was sent signal %s, %s", s.Name, signalName(int(o.Signal)), to)
	})
}

// reopen has supervisors open their log files anew.
func reopen(o options) error {
	return o.ask(control.Request{Op: control.OpReopen}, func(s *control.Status) string {
		return fmt.Sprintf("%s opens its log files anew", s.Name)
	})
}

// reset forgets the crashes of services.
func reset(o options) error {
	return o.ask(control.Request{Op: control.OpReset}, func(s *control.Status) string {
		return fmt.Sprintf("%s was reset, it is %s", s.Name, s.State)
	})
}

// ask asks for an operation on all services that were named, and says what
// came of it.
func (o options) ask(r control.Request, said func(*control.Status) string) error {
	return o.each(supervised, func(ctx context.Context, dir *control.Dir, name string) result {
		out := result{err: errNotRunning}
		if dir != nil && r.Op == control.OpRestart {
			defer (&progress{}).watch(ctx, dir, name)()
		}
		if dir != nil {
			out.status, out.presence, out.err = dir.Ask(ctx, name, r)
		}
		if out.err == nil && out.presence != control.Held {
			out.err = errNotRunning
		}
		return out
	}, func(_ string, out result) string { return said(out.status) })
}
