package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"github.com/urfave/cli/v2"

	"respawner/watch/control"
)

func (o *options) readStream(c *cli.Context) error {
	o.Stream = c.Bool(flagStream)
	for _, list := range c.StringSlice(flagOnly) {
		o.Only = append(o.Only, strings.Split(list, ",")...)
	}
	for _, kind := range o.Only {
		switch {
		case !slices.Contains(eventKinds[:], kind):
			return usagef("bad --only %q: it must be one of %s", kind, strings.Join(eventKinds[:], ", "))
		case !o.Stream && (kind == "forked" || kind == "execed"):
			return usagef("--only %s goes with -f: it is not recorded", kind)
		}
	}
	return nil
}

// eventKinds are the kinds of events, as docs/PROTOCOL.md lists them.
var eventKinds = [...]string{
	"started", "followed", "forked", "execed", "exited", "oom-killed", "released", "main", "running", "crashed", "backoff", "restarting", "stopping",
	"killing", "stuck", "stopped", "failed", "signalled", "reset", "adopted", "upgraded", "resynced", "tracking",
}

// named is an event with the name of its service.
type named struct {
	Name string
	control.Event
}

// events prints what has happened, or what happens from now on.
func events(o options) error {
	if len(o.Names) == 0 {
		o.Names = []string{allNames}
	}
	printer := &eventPrinter{w: os.Stdout, asJSON: o.JSON}
	tell := o.only(printer.tell)
	if o.Stream {
		return stream(o, tell)
	}
	dir, names, err := o.services((*control.Dir).Names)
	if err != nil {
		return err
	}
	for _, name := range names {
		printer.width = max(printer.width, displaywidth.String(printable(name)))
	}
	return recorded(dir, names, tell)
}

// only passes on the kinds of events that are asked for.
func (o options) only(tell func(named) error) func(named) error {
	if len(o.Only) == 0 {
		return tell
	}
	return func(ev named) error {
		if !slices.Contains(o.Only, ev.What) {
			return nil
		}
		return tell(ev)
	}
}

// eventPrinter writes each event as a line.
type eventPrinter struct {
	w      io.Writer
	asJSON bool
	width  int // of the names so far
}

func (p *eventPrinter) tell(ev named) error {
	if p.asJSON {
		return writeJSON(p.w, answerOfEvent(ev))
	}
	name := printable(ev.Name)
	p.width = max(p.width, displaywidth.String(name))
	_, err := fmt.Fprintf(p.w, "%s  %s  %s\n", moment(ev.Time), pad(name, p.width, false), eventLine(ev.Event))
	return err
}

// eventLine returns an event in words.
func eventLine(ev control.Event) string {
	return printable(fmt.Sprintf("%-10s  %s", ev.What, inWords(ev)))
}

// recorded prints the events that are written down of services, all in the order of time.
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

// failedIf returns an error that has only an exit code: the messages are printed already.
func failedIf(failed bool) error {
	if failed {
		return exitError{code: exitFailure}
	}
	return nil
}
