package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"respawner/watch"
	"respawner/watch/control"
)

// adopt gives services whose supervisor has died a new supervisor. It goes on as
// the dead one would have.
func adopt(o options) error {
	return o.each(supervised, ifKnown(adoptOne), func(_ string, out result) string { return out.text })
}

func adoptOne(_ context.Context, dir *control.Dir, name string) result {
	presence, pid, err := dir.Presence(name)
	out := result{presence: presence, err: err}
	switch {
	case err != nil:
	case presence == control.Held:
		out.text = fmt.Sprintf("%s has a supervisor, pid %d", name, pid)
	case presence == control.Absent:
		out.err = errNotRunning
	default:
		out.text, out.err = adoptStale(dir, name)
	}
	return out
}

func adoptStale(dir *control.Dir, name string) (string, error) {
	def, err := dir.Definition(name)
	if errors.Is(err, control.ErrUntrusted) {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("%w; start it as before, which takes over what is left", err)
	}
	rep, err := startBackground(defined(name, def), watch.ThenGoOn)
	return rep.Text, err
}

// finish ends the processes that a dead supervisor has left. It starts a new supervisor
// for that.
func (o options) finish(dir *control.Dir, name string) (string, error) {
	if err := dir.Trust(); err != nil {
		return "", err
	}
	def, err := dir.Definition(name)
	if err != nil { // how it was started does not matter for its end
		def = control.Definition{Program: "/" + name, Options: []string{assign(flagRuntimeDir, o.RuntimeDir)}, Dir: "/", Env: os.Environ()}
	}
	if t := o.Halt.Patience(); t != nil {
		def.Options = append(def.Options, assign(flagStopTimeout, t.String()))
	}
	again := defined(name, def)
	again.halt = o.Halt.Signal
	rep, err := startBackground(again, watch.ThenStop)
	return rep.Text, err
}
