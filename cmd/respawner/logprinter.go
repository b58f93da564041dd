package main

import (
	"bufio"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"
)

// logPrinter prints lines of logs, and says of which service each is if there are
// several.
type logPrinter struct {
	file  *os.File
	out   *bufio.Writer
	d     display
	safe  bool // to a terminal, which must not obey what is in a line
	width int  // of the names; 0: they are not printed
}

func newLogPrinter(f *os.File) *logPrinter {
	return &logPrinter{file: f, out: bufio.NewWriter(f), d: displayOf(f), safe: isTerminal(f)}
}

// close prints what is left; the reader may have gone.
func (p *logPrinter) close() { _ = p.out.Flush() }

// nameStyles tell services from each other.
var nameStyles = [...]style{cyan, yellow, green, magenta, blue}

// name has lines begin with the service's name where there are several.
func (p *logPrinter) name(all []*logSource) {
	for i, s := range all {
		s.look = nameStyles[i%len(nameStyles)]
		if len(all) > 1 {
			p.width = max(p.width, displaywidth.String(printable(s.name)))
		}
	}
}

// print prints one line.
func (p *logPrinter) print(s *logSource, e logEntry) error {
	facing := display{colour: p.d.colour} // a terminal may wrap it: each word matters
	var l line
	if p.width > 0 {
		l = line{{pad(printable(s.name), p.width, false) + " | ", s.look}}
	}
	if e.stamped {
		l = append(l, cell{moment(e.at) + " ", dim})
	}
	text, look := string(e.text), plain
	if p.safe {
		text = shown(text)
	}
	if e.bound {
		text, look = printable(text), bold
	}
	_, err := p.out.WriteString(facing.draw(append(l, cell{text, look})) + "\n")
	return err
}

// past prints what is in the logs by now, all in the order of time.
func (p *logPrinter) past(all []*logSource) error {
	var heads []*logHead
	defer func() {
		for _, h := range heads {
			h.stop()
		}
	}()
	for _, s := range all {
		h := &logHead{source: s}
		h.pull, h.stop = iter.Pull2(s.past())
		if heads = append(heads, h); h.step() != nil {
			return h.err
		}
	}
	for {
		first := earliest(heads)
		if first == nil {
			return p.out.Flush()
		}
		if err := p.print(first.source, first.entry); err != nil {
			return err
		}
		if err := first.step(); err != nil {
			return err
		}
	}
}

// logHead is the next entry of a log.
type logHead struct {
	source *logSource
	pull   func() (logEntry, error, bool)
	stop   func()

	entry logEntry
	there bool
	err   error
}

// step goes on to the next entry.
func (h *logHead) step() error {
	h.entry, h.err, h.there = h.pull()
	return h.err
}

// earliest is the head whose entry comes next, nil if there is none left.
func earliest(heads []*logHead) *logHead {
	var first *logHead
	for _, h := range heads {
		if h.there && (first == nil || h.entry.at.Before(first.entry.at)) {
			first = h
		}
	}
	return first
}

// follow prints what comes, until the reader has gone.
func (p *logPrinter) follow(all []*logSource) error {
	f, err := newFollowing(p.file)
	if err != nil {
		return err
	}
	defer f.close()
	for _, s := range all {
		give := func(e logEntry) error { return p.print(s, e) }
		s.lines.each = func(line []byte) error {
			if e, wanted := s.entry(line); wanted {
				return s.give(e, give)
			}
			return nil
		}
		if err := f.add(&s.lines, s.h); err != nil {
			return err
		}
		if s.runs != nil {
			if err := f.watchHistory(filepath.Dir(s.runs.file)); err != nil {
				return err
			}
		}
	}
	return f.run(func() error { return p.news(all, f.catchUp) })
}

// news prints what has come: lines, and bounds among them.
func (p *logPrinter) news(all []*logSource, catchUp func() error) error {
	for _, s := range all { // first, so that a bound is known before the lines behind it
		if err := s.runs.news(); err != nil {
			return err
		}
	}
	if err := catchUp(); err != nil {
		return err
	}
	for _, s := range all {
		if err := s.runs.rest(time.Time{}, func(e logEntry) error { return p.print(s, e) }); err != nil {
			return err
		}
	}
	return p.out.Flush()
}

// shown is printable that leaves tabs.
func shown(line string) string {
	words := strings.Split(line, "\t")
	for i, word := range words {
		words[i] = printable(word)
	}
	return strings.Join(words, "\t")
}
