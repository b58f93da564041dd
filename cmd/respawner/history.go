package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"respawner/watch/control"
	"respawner/watch/service"
)

func (o *options) readLives(c *cli.Context) (err error) {
	if c.IsSet(flagLives) {
		o.Lives, err = parseCount(flagLives, c.String(flagLives))
	}
	return err
}

// history tells of the lives of services, from what their supervisors have
// written down.
func history(o options) error {
	dir, names, err := o.services((*control.Dir).Names)
	if err != nil {
		return err
	}
	failed := false
	all := []life{}
	for _, name := range names {
		some, err := livesOf(dir, name)
		if err != nil {
			failed = true
			complain(err)
		}
		if o.Lives > 0 {
			some = some[max(0, len(some)-o.Lives):]
		}
		all = append(all, some...)
	}
	out := bufio.NewWriter(os.Stdout)
	if o.JSON {
		err = writeJSON(out, answerOfLives(all))
	} else {
		tellAll(out, all)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("print the history: %w", err)
	}
	return failedIf(failed)
}

// tellAll writes each life as a block: what it came to, and all that is known.
func tellAll(w io.Writer, all []life) {
	for i, l := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s, life %d of %d: %s\n", printable(l.name), l.number, l.of, printable(l.story()))
		for _, ev := range l.events {
			fmt.Fprintf(w, "  %s  %s\n", moment(ev.Time), eventLine(ev))
		}
	}
}

// historyOf returns the events that are written down of a service. No event at all is an error.
func historyOf(dir *control.Dir, name string) ([]control.Event, error) {
	var past []control.Event
	if dir != nil {
		var err error
		if past, err = dir.History(name); err != nil {
			return nil, advise(err)
		}
	}
	if len(past) == 0 {
		return nil, fmt.Errorf("%s: nothing is recorded: it was never started here, or with another --runtime-dir", name)
	}
	return past, nil
}

// life is the events from one start of the program to the next.
type life struct {
	name   string
	number int // of so many, from 1
	of     int
	events []control.Event
	next   *control.Event // what the next life began with, nil when there is none
	held   bool           // its supervisor lives
}

// livesOf returns the lives of a service, the oldest first.
func livesOf(dir *control.Dir, name string) ([]life, error) {
	past, err := historyOf(dir, name)
	if err != nil {
		return nil, err
	}
	presence, _, err := dir.Presence(name)
	if err != nil {
		return nil, err
	}
	return lives(name, past, presence == control.Held), nil
}

// lives cuts events before each start of the program. The events before the
// first, of which the start is no longer kept, are a life too.
func lives(name string, past []control.Event, held bool) []life {
	blameOOMKiller(past)
	var all []life
	for i, ev := range past {
		if i == 0 || ev.What == "started" {
			if i > 0 {
				all[len(all)-1].next = &past[i]
			}
			all = append(all, life{name: name, number: len(all) + 1, held: held})
		}
		l := &all[len(all)-1]
		l.events = append(l.events, ev)
	}
	for i := range all {
		all[i].of = len(all)
	}
	return all
}

// story returns a line that says how long the life was up, and why it ended.
func (l life) story() string {
	up, end := l.find("running"), l.end()
	if end == nil {
		return l.unfinished(up)
	}
	began := "it did not come up"
	if up != nil {
		began = "up for " + describeWait(end.Time.Sub(up.Time))
	}
	story := began + "; " + l.why(*end)
	if l.next != nil {
		story += "; started again " + describeWait(l.next.Time.Sub(end.Time)) + " later"
	}
	return story
}

// unfinished returns the story of a life without an end.
func (l life) unfinished(up *control.Event) string {
	began := "not up yet"
	if up != nil {
		began = "up since " + second(up.Time)
	}
	if l.next != nil || !l.held {
		return began + "; no end is recorded: its supervisor was killed"
	}
	return began
}

// why returns what ended the life. The process that died first need
// not be the one the death of which was the crash.
func (l life) why(end control.Event) string {
	first := l.firstDeath(end)
	switch {
	case end.What == "restarting":
		return "it was restarted on request"
	case end.What == "crashed" && first != nil:
		return "it crashed; first death: " + processEnded(*first)
	case first != nil && l.find("failed") != nil:
		return end.Text + "; first death: " + processEnded(*first)
	}
	return end.Text
}

// end returns the event that began the end, nil for none.
func (l life) end() *control.Event {
	for i, ev := range l.events {
		switch ev.What {
		case "crashed", "stopping", "restarting", "failed":
			return &l.events[i]
		}
	}
	return nil
}

func (l life) find(what string) *control.Event {
	for i, ev := range l.events {
		if ev.What == what {
			return &l.events[i]
		}
	}
	return nil
}

// firstDeath returns the first violent one of the deaths that led to the end. Where
// none was violent, it returns the last.
func (l life) firstDeath(end control.Event) *control.Event {
	var last *control.Event
	for i, ev := range l.events {
		if ev.What != "exited" || ev.Exit == nil || ev.Seq > end.Seq || end.Time.Sub(ev.Time) > service.Wound {
			continue
		}
		last = &l.events[i]
		if isViolent(ev) {
			break
		}
	}
	return last
}

// isViolent reports whether a death may be why others died. The unknown end of an ordinary
// process is not taken for violent.
func isViolent(exited control.Event) bool {
	known := exited.Exit.Code >= 0
	return known && (exited.Exit.Code != 0 || exited.Exit.Signal != 0) || !known && exited.Role != ""
}

// blameOOMKiller completes the ends of processes that the kernel's OOM killer was told of later.
func blameOOMKiller(past []control.Event) {
	exits := map[int]*control.Exit{}
	for _, ev := range past {
		switch service.What(ev.What) {
		case service.NoteExited:
			exits[ev.PID] = ev.Exit
		case service.NoteOOMKilled:
			if e := exits[ev.PID]; e != nil {
				e.By = service.ByKernel.String()
			}
		}
	}
}
