package main

import (
	"context"
	"fmt"
	"os"

	"respawner/watch"
	"respawner/watch/control"
)

// adopt gives services whose supervisor has died a new one, which goes on as
// that one would have.
func adopt(o options) error {
	return o.each(supervised, func(_ context.Context, dir *control.Dir, name string) result {
		return adoptOne(dir, name)
	}, func(_ string, out result) string { return out.text })
}

func adoptOne(dir *control.Dir, name string) result {
	if dir == nil {
		return result{err: errNotRunning}
	}
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
	if err := dir.Trust(); err != nil {
		return "", err
	}
	cmd, err := dir.Command(name)
	if err != nil {
		return "", fmt.Errorf("%w; start it as before, which takes over what is left", err)
	}
	return startBackground(cmd, watch.ThenGoOn)
}

// finish ends what the dead supervisor of a service has left, by giving it a
// new one for that.
func (o options) finish(dir *control.Dir, name string) (string, error) {
	if err := dir.Trust(); err != nil {
		return "", err
	}
	cmd, err := dir.Command(name)
	if err != nil { // how it was started does not matter for its end
		cmd = thisCommand()
		cmd.Args = []string{os.Args[0], "start", "--runtime-dir", o.RuntimeDir, "--name", name, name}
	}
	return startBackground(cmd, watch.ThenStop)
}
