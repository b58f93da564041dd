package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"respawner/watch/control"
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

// waitStopped: what has no supervisor has stopped, unless that one was killed.
func waitStopped(ctx context.Context, dir *control.Dir, name string) result {
	if dir == nil {
		return lookAt(dir, name)
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

// waitRunning waits first until there is somebody to ask.
func (o options) waitRunning(ctx context.Context, dir *control.Dir, name string) result {
	if dir == nil {
		var err error
		if dir, err = control.AwaitDir(ctx, o.RuntimeDir); err != nil {
			return result{err: err}
		}
		defer dir.Close()
	}
	for {
		if err := dir.Await(ctx, name); err != nil {
			return result{err: err}
		}
		s, presence, err := dir.Ask(ctx, name, control.Request{Op: control.OpWait, For: control.ForRunning})
		if err != nil || presence == control.Held {
			return result{status: s, presence: presence, err: err}
		}
	}
}
