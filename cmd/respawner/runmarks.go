package main

import (
	"cmp"
	"io/fs"
	"os"
	"slices"
	"time"

	"respawner/watch/control"
)

// runMarks are the marks in a log where a run of the program begins and ends.
// They come from the history and get their places by time, so the log holds what
// the program wrote and nothing else. The methods do nothing on nil.
type runMarks struct {
	dir  *control.Dir
	name string
	file string // of the history
	seen fs.FileInfo
	seq  int64 // of the last event that was read

	run   []control.Event // of the run at hand, from its start on
	open  bool            // that has no end yet
	ahead []runMark
	from  time.Time // what comes before it is not shown
}

// runMark is one mark; it comes before a line that was read at due or later.
type runMark struct {
	at, due time.Time
	text    string
}

// lastWordsLate is how much later than a run's end its last lines may be read by
// the supervisor.
const lastWordsLate = 100 * time.Millisecond

// maxRunEvents bounds the events that are kept of a run.
const maxRunEvents = 1000

// news reads the marks that are new in the history.
func (m *runMarks) news() error {
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

// heed makes a mark of an event that begins or ends a run.
func (m *runMarks) heed(ev control.Event) {
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

// end adds the mark of a run's end, which an event tells.
func (m *runMarks) end(ev control.Event) {
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

// add adds a mark. One that is due before a later run began stays before that.
func (m *runMarks) add(ev control.Event, late time.Duration, text string) {
	for i := range m.ahead {
		if m.ahead[i].due.After(ev.Time) {
			m.ahead[i].due = ev.Time
		}
	}
	m.ahead = append(m.ahead, runMark{ev.Time, ev.Time.Add(late), text})
}

// since leaves out what comes before a time.
func (m *runMarks) since(t time.Time) {
	if m != nil && t.After(m.from) {
		m.from = t
	}
}

// drop leaves out all that was read until now.
func (m *runMarks) drop() {
	if m != nil {
		m.ahead = nil
	}
}

// before gives the marks that come before a line.
func (m *runMarks) before(line logEntry, give func(logEntry) error) error {
	if m == nil {
		return nil
	}
	for len(m.ahead) > 0 && !m.ahead[0].due.After(line.at) {
		if err := m.next(give); err != nil {
			return err
		}
	}
	return nil
}

// rest gives the marks that are left, until a time if that is not zero.
func (m *runMarks) rest(until time.Time, give func(logEntry) error) error {
	for m != nil && len(m.ahead) > 0 && (until.IsZero() || !m.ahead[0].at.After(until)) {
		if err := m.next(give); err != nil {
			return err
		}
	}
	return nil
}

func (m *runMarks) next(give func(logEntry) error) error {
	mark := m.ahead[0]
	m.ahead = m.ahead[1:]
	if mark.at.Before(m.from) {
		return nil
	}
	return give(logEntry{at: mark.at, text: []byte(mark.text), stamped: true, mark: true})
}
