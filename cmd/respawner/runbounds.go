package main

import (
	"cmp"
	"io/fs"
	"os"
	"slices"
	"time"

	"respawner/watch/control"
)

// runBounds are the bounds in a log where a run of the program begins and ends.
// They come from the history and get their places by time, so the log holds what
// the program wrote and nothing else. The methods do nothing on nil.
type runBounds struct {
	dir  *control.Dir
	name string
	file string // of the history
	seen fs.FileInfo
	seq  int64 // of the last event that was read

	run   []control.Event // of the run at hand, from its start on
	open  bool            // that has no end yet
	ahead []runBound
	from  time.Time // what came about before it is not shown,
	line  time.Time // nor what comes before this line
}

// runBound is one bound; it comes before a line that was read after due. The
// times of the last line of a run, and of the first of the next, are never the same.
type runBound struct {
	at, due time.Time
	text    string
}

// lastWordsLate is how much later than a run's end its last lines may be read by
// the supervisor.
const lastWordsLate = 100 * time.Millisecond

// maxRunEvents bounds the events that are kept of a run.
const maxRunEvents = 1000

// news reads the bounds that are new in the history.
func (m *runBounds) news() error {
	if m == nil {
		return nil
	}
	info, err := os.Stat(m.file)
	if err != nil || m.seen != nil && os.SameFile(info, m.seen) && info.Size() == m.seen.Size() {
		return nil // nothing is written down, or nothing new
	}
	m.seen = info
	events, err := m.dir.History(m.name)
	if err != nil {
		return advise(err)
	}
	for _, ev := range events {
		if ev.Seq > m.seq {
			m.seq = ev.Seq
			m.heed(ev)
		}
	}
	return nil
}

// heed makes a bound of an event that begins or ends a run.
func (m *runBounds) heed(ev control.Event) {
	if ev.What == "started" {
		if m.open { // for a restart on request, or there was no supervisor to tell of the end
			m.end(ev)
		}
		m.run, m.open = nil, true
		m.add(ev, 0, "-- started, "+inWords(ev))
	}
	if m.run = append(m.run, ev); len(m.run) > maxRunEvents {
		m.run = slices.Delete(m.run, 1, maxRunEvents/2)
	}
	switch ev.What {
	case "crashed", "stopped":
		if m.open {
			m.end(ev)
		}
	case "failed":
		m.end(ev)
	}
}

// end adds the bound of a run's end, which an event tells.
func (m *runBounds) end(ev control.Event) {
	l := life{name: m.name, events: m.run, next: &ev}
	why := ev.Text
	if began := l.end(); began != nil {
		why = l.why(*began)
	}
	late := lastWordsLate
	if ev.What == "started" {
		why, late = cmp.Or(why, "no end is recorded: its supervisor was killed"), 0
	}
	m.add(ev, late, "-- ended: "+why)
	m.open = false
}

// add adds a bound. One that is due before a later run began stays before that.
func (m *runBounds) add(ev control.Event, late time.Duration, text string) {
	for i := range m.ahead {
		if m.ahead[i].due.After(ev.Time) {
			m.ahead[i].due = ev.Time
		}
	}
	m.ahead = append(m.ahead, runBound{ev.Time, ev.Time.Add(late), text})
}

// since leaves out what came about before a time.
func (m *runBounds) since(t time.Time) {
	if m != nil {
		m.from = t
	}
}

// behind leaves out what comes before a line.
func (m *runBounds) behind(line time.Time) {
	if m != nil {
		m.line = line
	}
}

// drop leaves out all that was read until now.
func (m *runBounds) drop() {
	if m != nil {
		m.ahead = nil
	}
}

// before gives the bounds that come before a line.
func (m *runBounds) before(line logEntry, give func(logEntry) error) error {
	if m == nil {
		return nil
	}
	for len(m.ahead) > 0 && m.ahead[0].due.Before(line.at) {
		if err := m.next(give); err != nil {
			return err
		}
	}
	return nil
}

// rest gives the bounds that are left, until a time if that is not zero.
func (m *runBounds) rest(until time.Time, give func(logEntry) error) error {
	for m != nil && len(m.ahead) > 0 && (until.IsZero() || !m.ahead[0].at.After(until)) {
		if err := m.next(give); err != nil {
			return err
		}
	}
	return nil
}

func (m *runBounds) next(give func(logEntry) error) error {
	b := m.ahead[0]
	m.ahead = m.ahead[1:]
	if b.at.Before(m.from) || b.due.Before(m.line) {
		return nil
	}
	return give(logEntry{at: b.at, text: []byte(b.text), stamped: true, bound: true})
}
