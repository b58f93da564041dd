package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"respawner/watch/control"
)

func (o *options) readStream(c *cli.Context) error {
	o.Stream = c.Bool(flagStream)
	return nil
}

// named is an event, and whose it is: the object that events --json prints.
type named struct {
	Name string `json:"name"`
	control.Event
}

// events tells what has happened, or what happens from now on.
func events(o options) error {
	if len(o.Names) == 0 {
		o.Names = []string{allNames}
	}
	known := (*control.Dir).Names
	if o.Stream {
		known = supervised
	}
	dir, names, err := o.services(known)
	if err != nil {
		return err
	}
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	tell := teller(os.Stdout, o.JSON, width)
	if o.Stream {
		return stream(dir, names, tell)
	}
	return recorded(dir, names, tell)
}

// teller returns what writes one event as a line.
func teller(w io.Writer, asJSON bool, width int) func(named) error {
	if asJSON {
		return func(ev named) error { return writeJSON(w, ev) }
	}
	return func(ev named) error {
		_, err := fmt.Fprintf(w, "%s  %-*s  %s\n", moment(ev.Time), width, printable(ev.Name), eventLine(ev.Event))
		return err
	}
}

// eventLine is an event in words.
func eventLine(ev control.Event) string {
	return printable(fmt.Sprintf("%-10s  %s", ev.What, inWords(ev)))
}

// moment is a time as people compare it with other logs.
func moment(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05.000") }

// recorded tells what is written down of services, all in the order of time.
func recorded(dir *control.Dir, names []string, tell func(named) error) error {
	var all []named
	failed := false
	for _, name := range names {
		past, err := historyOf(dir, name)
		if err != nil {
			failed = true
			complain(err)
		}
		for _, ev := range past {
			all = append(all, named{name, ev})
		}
	}
	slices.SortStableFunc(all, func(a, b named) int { return a.Time.Compare(b.Time) })
	for _, ev := range all {
		if err := tell(ev); err != nil {
			return err
		}
	}
	return failedIf(failed)
}

// failedIf is the exit code where the rest was said already.
func failedIf(failed bool) error {
	if failed {
		return exitError{code: exitFailure}
	}
	return nil
}

// stream tells of events until all supervisors have ended, or somebody ends it.
func stream(dir *control.Dir, names []string, tell func(named) error) error {
	ctx, cancel := interruptible()
	defer cancel()
	var one sync.Mutex
	follow := func(name string) result {
		return followOne(ctx, dir, name, func(ev control.Event) error {
			one.Lock()
			defer one.Unlock()
			return tell(named{name, ev})
		})
	}
	failed := false
	for i, out := range atOnce(names, follow) {
		if out.err != nil && ctx.Err() == nil {
			failed = true
			complain(explain(names[i], out))
		}
	}
	return failedIf(failed)
}

// followOne tells of a service's events until its supervisor has ended. One
// that hangs up before has not been listened to fast enough.
func followOne(ctx context.Context, dir *control.Dir, name string, tell func(control.Event) error) result {
	if err := known(dir, name); err != nil {
		return result{err: err}
	}
	over := false
	presence, err := dir.Events(ctx, name, func(*control.Status) error { return nil }, func(ev control.Event) error {
		over = ev.What == "stopped" || ev.What == "failed"
		return tell(ev)
	})
	switch {
	case err == nil && presence != control.Held:
		err = errNotRunning
	case err == nil && !over:
		err = errors.New(name + ": the supervisor has hung up: it was killed, or its events were not read fast enough")
	}
	return result{presence: presence, err: err}
}
