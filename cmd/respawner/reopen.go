package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"respawner/watch/control"
)

// reopen has supervisors open their log files anew.
func reopen(o options) error {
	dir, err := control.OpenDir(o.RuntimeDir)
	if errors.Is(err, fs.ErrNotExist) {
		return notSupervised(o.Name)
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range o.Names {
		_, presence, err := dir.Ask(context.Background(), name, control.Request{Op: control.OpReopen})
		if err == nil && presence != control.Held {
			err = notSupervised(name)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func notSupervised(name string) error {
	return exitError{code: exitNoService, msg: fmt.Sprintf("%s has no supervisor, so no log file is open", name)}
}
