package main

import (
	"bytes"
	"errors"
	"iter"
	"time"
)

// logEntry is a line of a log, or a bound of a run between them.
type logEntry struct {
	at      time.Time // of the line before it, where it has none
	text    []byte    // without its time; it stands until the next one is asked for
	stamped bool
	bound   bool
}

// logSource is the log of one service, as it is shown.
type logSource struct {
	name string
	h    *logFiles
	view view
	runs *runBounds // nil: they are not shown

	look  style // of its name
	lines lineCutter
	last  time.Time // of the last line that had one
}

// entry makes an entry of a line; wanted is false if the view leaves it out.
func (s *logSource) entry(line []byte) (e logEntry, wanted bool) {
	at, text, stamped := cutStamp(line)
	if stamped {
		s.last = at
	}
	e = logEntry{at: s.last, text: text, stamped: stamped}
	v := s.view
	return e, (v.Until.IsZero() || !e.at.After(v.Until)) && (v.Grep == nil || v.Grep.Match(text))
}

// errEnough ends the reading of a log of which no more is wanted.
var errEnough = errors.New("no more is wanted")

// past returns what is in the log by now: lines, and bounds of runs among them.
func (s *logSource) past() iter.Seq2[logEntry, error] {
	return func(yield func(logEntry, error) bool) {
		give := func(e logEntry) error {
			if !yield(e, nil) {
				return errEnough
			}
			return nil
		}
		err := s.runs.news()
		if s.view.Lines == 0 {
			s.runs.drop()
		}
		if err == nil {
			err = s.readPast(give)
		}
		if err == nil {
			err = s.runs.rest(s.view.Until, give)
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(logEntry{}, err)
		}
	}
}

// readPast gives the lines that the view shows, and bounds of runs before them.
func (s *logSource) readPast(give func(logEntry) error) error {
	v, ring := s.view, lineRing{}
	if v.picks() && v.Lines != 0 {
		ring.size, v.Lines = v.Lines, allLines // of those that are picked
	}
	from, before, err := s.h.begin(v)
	if err != nil {
		return err
	}
	s.runs.since(v.Since)
	s.lines.each = func(line []byte) error {
		e, wanted := s.entry(line)
		switch {
		case before: // it is read only for its time
			before = false
			s.runs.behind(e.at)
			return nil
		case !wanted:
			return nil
		case ring.size > 0:
			ring.add(e)
			return nil
		}
		return s.give(e, give)
	}
	err = s.h.copyFrom(&s.lines, from)
	if err == nil && !v.Follow {
		err = s.lines.end()
	}
	for i := 0; err == nil && i < len(ring.kept); i++ {
		if i == 0 {
			s.runs.behind(ring.lost)
		}
		err = s.give(ring.kept[i], give)
	}
	return err
}

// give gives a line, and the bounds of runs that come before it.
func (s *logSource) give(e logEntry, give func(logEntry) error) error {
	if err := s.runs.before(e, give); err != nil {
		return err
	}
	return give(e)
}

// lineRing keeps the last entries.
type lineRing struct {
	size int
	kept []logEntry
	lost time.Time // of the last one that was not kept
}

func (r *lineRing) add(e logEntry) {
	e.text = bytes.Clone(e.text)
	if len(r.kept) == r.size {
		r.lost = r.kept[0].at
		r.kept = append(r.kept[:0], r.kept[1:]...)
	}
	r.kept = append(r.kept, e)
}

// maxShown is where a line that is read is cut, in bytes: a file may have been
// written by another program.
const maxShown = 64 << 10

// ellipsis is what a line ends with that was cut.
const ellipsis = "…"

// lineCutter cuts what is written to it into lines.
type lineCutter struct {
	each func(line []byte) error // gets each, without its newline
	line []byte                  // that has no end yet
}

// Write implements io.Writer.
func (c *lineCutter) Write(text []byte) (int, error) {
	for part := range bytes.Lines(text) {
		bare, ended := bytes.CutSuffix(part, []byte{'\n'})
		for len(c.line)+len(bare) > maxShown {
			room := maxShown - len(c.line)
			c.line = append(append(c.line, bare[:room]...), ellipsis...)
			bare = bare[room:]
			if err := c.take(); err != nil {
				return 0, err
			}
		}
		c.line = append(c.line, bare...)
		if ended {
			if err := c.take(); err != nil {
				return 0, err
			}
		}
	}
	return len(text), nil
}

// end takes a line that has no end.
func (c *lineCutter) end() error {
	if len(c.line) == 0 {
		return nil
	}
	return c.take()
}

func (c *lineCutter) take() error {
	err := c.each(c.line)
	c.line = c.line[:0]
	return err
}
