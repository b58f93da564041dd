package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"respawner/watch/control"
	"respawner/watch/service"
)

func (o *options) readWait(c *cli.Context) (err error) {
	if o.For = c.String(flagFor); o.For != control.ForRunning && o.For != control.ForStopped {
		return usagef("bad --for %q: it must be running or stopped", o.For)
	}
	if c.IsSet(flagTimeout) {
		o.Timeout, err = parseSeconds(flagTimeout, c.String(flagTimeout))
	}
	return err
}

// wait waits until all services are in a state.
func wait(o options) error {
	return o.each((*control.Dir).Names, o.waitOne, func(name string, out result) string {
		if o.For == control.ForStopped {
			return name + " has stopped"
		}
		return fmt.Sprintf("%s is running, main pid %d", name, out.status.MainPID)
	})
}

func (o options) waitOne(ctx context.Context, dir *control.Dir, name string) result {
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
	}
	do := waitStopped
	if o.For == control.ForRunning {
		do = o.waitRunning
	}
	out := do(ctx, dir, name)
	if errors.Is(out.err, context.DeadlineExceeded) {
		out.err = exitError{code: exitTimeout, msg: fmt.Sprintf("%s: not %s after %v", name, o.For, o.Timeout)}
	}
	return out
}

// waitStopped waits until a service has stopped. A service without a supervisor has stopped, unless its supervisor was killed.
func waitStopped(ctx context.Context, dir *control.Dir, name string) result {
	if err := known(dir, name); err != nil {
		return result{err: err}
	}
	s, presence, err := dir.Ask(ctx, name, control.Request{Op: control.OpWait, For: control.ForStopped})
	switch {
	case err == nil && presence == control.Stale:
		err = errNotRunning
	case err == nil && presence == control.Absent:
		return lookAt(dir, name)
	}
	return result{status: s, presence: presence, err: err}
}

// waitRunning waits until a service runs. If the service has stopped, or is unknown, it says so and waits for a
// supervisor. It does not wait for a service that has failed, or the supervisor of which has died.
func (o options) waitRunning(ctx context.Context, dir *control.Dir, name string) result {
	if err := known(dir, name); err != nil {
		complain(fmt.Errorf("%w; waiting until it is started", err))
	}
	if dir == nil {
		var err error
		if dir, err = control.AwaitDir(ctx, o.RuntimeDir); err != nil {
			return result{err: err}
		}
		defer dir.Close()
	}
	if out := lookAt(dir, name); out.err == nil && out.presence != control.Held {
		if err := inVain(name, out); err != nil {
			return result{presence: out.presence, err: err}
		}
	}
	return waitAndAsk(ctx, dir, name)
}

// inVain returns why wait does not wait for a service without a supervisor, nil where it waits.
func inVain(name string, out result) error {
	switch {
	case out.presence == control.Stale:
		return errNotRunning
	case out.status.State == service.Failed.String():
		return fmt.Errorf("%s has failed: %s; respawner start %s starts it as before", name, strings.TrimPrefix(out.status.Message, name+": "), name)
	}
	return nil
}

// waitAndAsk waits until a service has a supervisor, and then until the service is up. The death of the supervisor is
// an error.
func waitAndAsk(ctx context.Context, dir *control.Dir, name string) result {
	for {
		if err := dir.Await(ctx, name); err != nil {
			return result{err: err}
		}
		s, presence, err := dir.Ask(ctx, name, control.Request{Op: control.OpWait, For: control.ForRunning})
		if err == nil && presence == control.Stale {
			err = errNotRunning
		}
		if err != nil || presence == control.Held {
			return result{status: s, presence: presence, err: err}
		}
	}
}
