package main

import (
	"context"
	"errors"
	"fmt"

	"respawner/watch/control"
)

// forget leaves nothing of services that have ended: no command to start them by, no last words, no
// history, and no output, unless the user has said where to keep that.
func forget(o options) error {
	return o.each((*control.Dir).Names, ifKnown(o.forgetOne), func(name string, _ result) string {
		return name + " is forgotten"
	})
}

func (o options) forgetOne(_ context.Context, asking *control.Dir, name string) result {
	presence, _, err := asking.Presence(name)
	switch {
	case err != nil:
	case presence == control.Held:
		err = fmt.Errorf("%s has a supervisor: respawner stop %s ends it first", name, name)
	case presence == control.Stale:
		err = fmt.Errorf("%s: its supervisor has died, processes of it may still run: respawner stop %s ends them first", name, name)
	default:
		err = o.forgetEnded(name)
	}
	return result{status: control.Unsupervised(name), err: err}
}

// forgetEnded forgets a service that has ended. It claims the service, so no start comes in between.
func (o options) forgetEnded(name string) error {
	dir, err := control.MakeDir(o.RuntimeDir) // only its owner may change it
	if err != nil {
		return err
	}
	defer dir.Close()
	claim, err := dir.Claim(name)
	if err != nil {
		return fmt.Errorf("forget %s: %w", name, err)
	}
	if claim.TakenUp() {
		return errors.Join(fmt.Errorf("%s was started meanwhile, and its supervisor has died", name), claim.Abandon())
	}
	if err := errors.Join(o.removeKept(name), claim.Forget()); err != nil {
		return fmt.Errorf("forget %s: %w", name, err)
	}
	return nil
}

// removeKept removes a program's output from the default place.
func (o options) removeKept(name string) error {
	if o.OutputDir == "" {
		return nil
	}
	return removeLog(o.keptOutput(name))
}
