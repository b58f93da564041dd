package main

import (
	"errors"
	"fmt"
	"os"

	"respawner/watch"
	"respawner/watch/control"
)

// adopt gives services whose supervisor has died a new one, which goes on as
// that one would have.
func adopt(o options) error {
	dir, err := control.OpenDir(o.RuntimeDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range o.Names {
		errs = append(errs, adoptOne(dir, o, name))
	}
	return errors.Join(errs...)
}

func adoptOne(dir *control.Dir, o options, name string) error {
	presence, pid, err := dir.Presence(name)
	switch {
	case err != nil:
		return err
	case presence == control.Held:
		fmt.Printf("%s has a supervisor, pid %d\n", name, pid)
		return nil
	case presence == control.Absent:
		return fmt.Errorf("%s is not running: nothing to take over; respawner start starts it", name)
	}
	cmd, err := dir.Command(name)
	if err != nil {
		return fmt.Errorf("%w; start it as before, which takes over what is left", err)
	}
	return startBackground(cmd, watch.ThenGoOn)
}

// finish ends what the dead supervisor of a service has left, by giving it a
// new one for that.
func finish(dir *control.Dir, o options, name string) error {
	cmd, err := dir.Command(name)
	if err != nil { // how it was started does not matter for its end
		cmd = thisCommand()
		cmd.Args = []string{os.Args[0], "start", "--runtime-dir", o.RuntimeDir, "--name", name, name}
	}
	return startBackground(cmd, watch.ThenStop)
}
