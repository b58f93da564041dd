package main

import (
	"context"
	"errors"
	"fmt"

	"respawner/watch/control"
)

// restart ends services and starts them anew. A service that has ended is started as before, if it was named
// itself: a pattern means services that have a supervisor.
func restart(o options) error {
	return o.each(supervised, ifKnown(restartOne), func(_ string, out result) string { return out.text })
}

func restartOne(ctx context.Context, dir *control.Dir, name string) result {
	out := askOne(ctx, dir, name, control.Request{Op: control.OpRestart})
	switch {
	case out.err == nil:
		out.text = fmt.Sprintf("%s is running, main pid %d", name, out.status.MainPID)
	case errors.Is(out.err, errNotRunning) && out.presence == control.Absent:
		out = startAsBefore(dir, name)
	}
	return out
}

// startAsBefore starts a service that has ended.
func startAsBefore(dir *control.Dir, name string) result {
	def, err := dir.Definition(name)
	if err != nil {
		return result{err: fmt.Errorf("%w; start it by respawner start --name %s PROGRAM", err, name)}
	}
	text, err := startDefined(name, def)
	if err != nil {
		return result{err: err}
	}
	return result{status: lookAt(dir, name).status, text: text}
}

// reload tells services to read their configuration anew.
func reload(o options) error {
	return o.each(supervised, ifKnown(o.reloadOne), func(name string, out result) string {
		return fmt.Sprintf("%s was told to reload: %s", name, out.text)
	})
}

func (o options) reloadOne(ctx context.Context, dir *control.Dir, name string) result {
	s, sent, presence, err := dir.Reload(ctx, name, o.Force)
	out := result{status: s, presence: presence, err: err}
	switch {
	case err != nil:
	case presence != control.Held:
		out.err = errNotRunning
	case sent == nil: // by an older supervisor
		out.text = fmt.Sprintf("main pid %d", s.MainPID)
	default:
		out.text = sent.Text
	}
	return out
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

// reopen makes supervisors open their log files anew.
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

// ask requests an operation on all services that were named, and prints the
// outcome.
func (o options) ask(r control.Request, said func(*control.Status) string) error {
	return o.each(supervised, ifKnown(func(ctx context.Context, dir *control.Dir, name string) result {
		return askOne(ctx, dir, name, r)
	}), func(_ string, out result) string { return said(out.status) })
}

// askOne requests an operation on one service. Without a supervisor the error is errNotRunning.
func askOne(ctx context.Context, dir *control.Dir, name string, r control.Request) (out result) {
	if r.Op == control.OpRestart {
		defer (&progress{}).watch(ctx, dir, name)()
	}
	out.status, out.presence, out.err = dir.Ask(ctx, name, r)
	if out.err == nil && out.presence != control.Held {
		out.err = errNotRunning
	}
	return out
}
