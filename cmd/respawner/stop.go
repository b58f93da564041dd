package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/signal"
	"syscall"

	"respawner/watch/control"
)

// stop ends services, one after the other. That one does not run is no error.
func stop(o options) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	dir, err := control.OpenDir(o.RuntimeDir)
	if errors.Is(err, fs.ErrNotExist) {
		dir, err = nil, nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range o.Names {
		said, err := stopOne(ctx, dir, o, name)
		if said != "" {
			fmt.Println(said)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// stopOne ends a service, and says what came of it.
func stopOne(ctx context.Context, dir *control.Dir, o options, name string) (string, error) {
	presence := control.Absent
	var err error
	if dir != nil {
		_, presence, err = dir.Stop(ctx, name)
	}
	if errors.Is(err, context.Canceled) {
		return "", fmt.Errorf("%s is still being stopped: no longer waiting for that", name)
	}
	if err != nil {
		return "", err
	}
	switch presence {
	case control.Held:
		return name + " was stopped", nil
	case control.Stale:
		err = finish(dir, o, name)
	default:
		fmt.Printf("%s is not running\n", name)
	}
	return name + " is not running", nil
}
