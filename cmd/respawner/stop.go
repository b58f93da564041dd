package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"respawner/watch/control"
)

// readHalt reads how services are to be stopped, this once.
func (o *options) readHalt(c *cli.Context) error {
	if c.IsSet(flagStopTimeout) {
		patience, err := parseSeconds(flagStopTimeout, c.String(flagStopTimeout))
		if err != nil {
			return err
		}
		o.Halt.Timeout = control.Seconds(patience)
	}
	if c.IsSet(flagSignal) {
		sig, err := parseSignal(c.String(flagSignal))
		if err != nil {
			return err
		}
		o.Halt.Signal = int(sig)
	}
	return nil
}

// stop ends services, all at once. A service that does not run is no error.
func stop(o options) error {
	progress := newProgress()
	defer progress.end()
	return o.each((*control.Dir).Names, ifKnown(func(ctx context.Context, dir *control.Dir, name string) result {
		defer progress.watch(ctx, dir, name)()
		return o.stopOne(ctx, dir, name)
	}), func(name string, out result) string {
		progress.erase()
		return stopped(name, out)
	})
}

func (o options) stopOne(ctx context.Context, dir *control.Dir, name string) result {
	s, presence, err := dir.Stop(ctx, name, o.Halt)
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%s is still being stopped: no longer waiting for that", name)
	}
	out := result{status: s, presence: presence, err: err}
	if err == nil && presence == control.Stale {
		out.text, out.err = o.finish(dir, name)
	}
	return out
}

func stopped(name string, out result) string {
	switch out.presence {
	case control.Held:
		return name + " was stopped"
	case control.Stale:
		return out.text
	}
	return name + " is not running"
}
