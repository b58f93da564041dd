package main

import (
	"context"
	"errors"
	"fmt"

	"respawner/watch/control"
)

// stop ends services, all at once. That one does not run is no error.
func stop(o options) error {
	progress := newProgress()
	defer progress.end()
	return o.each((*control.Dir).Names, func(ctx context.Context, dir *control.Dir, name string) result {
		if dir == nil {
			return result{}
		}
		defer progress.watch(ctx, dir, name)()
		return o.stopOne(ctx, dir, name)
	}, func(name string, out result) string {
		progress.erase()
		return stopped(name, out)
	})
}

func (o options) stopOne(ctx context.Context, dir *control.Dir, name string) result {
	s, presence, err := dir.Stop(ctx, name)
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
