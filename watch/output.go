package watch

import (
	"bytes"
	"time"

	"respawner/watch/control"
)

// Output is where what a program writes to stdout and stderr goes.
type Output struct {
	// Name is what status calls it: a path, "syslog", "none", "terminal".
	Name string

	// Pipe brings it to the supervisor; nil leaves the program its own Files 1
	// and 2. The supervisor reads it until it ends, and does not close it.
	Pipe *control.Pipe

	// Sink gets the lines; the supervisor closes it when it ends.
	Sink Sink

	// Begun is a line's beginning that an earlier supervisor has read and not
	// written.
	Begun []byte
}

// Sink keeps the lines of a program. One goroutine calls it, which may be held
// up: then the program is too, when the pipe is full, and nothing else.
type Sink interface {
	// Write keeps lines, which have no newline in them and were all read at one
	// time, in their order. It returns how many of them were kept, with an
	// error when that is not all of them or something else went wrong. The
	// lines are the caller's again when it returns.
	Write(at time.Time, lines [][]byte) (int, error)

	// Reopen closes what it writes to, and opens it anew under its name.
	Reopen() error

	Close() error
}

// maxLine is where lines are cut, in bytes.
const maxLine = 8 << 10

// ellipsis is what a line ends with that was cut.
const ellipsis = "…"

// splitLines gives each whole line of text, without its newline; one longer
// than maxLine comes in pieces, of which all but the last were cut. What is left
// is the beginning of a line, at most maxLine long. How text was cut into reads
// makes no difference.
func splitLines(text []byte, each func(line []byte, cut bool)) (rest []byte) {
	for {
		end := bytes.IndexByte(text[:min(len(text), maxLine+1)], '\n')
		switch {
		case end >= 0:
			each(text[:end], false)
			text = text[end+1:]
		case len(text) > maxLine:
			each(text[:maxLine], true)
			text = text[maxLine:]
		default:
			return text
		}
	}
}

// How much of the last lines is kept for a user that asks why a program failed.
const (
	lastLines   = 5
	lastLineLen = 200
)

// tail is the last lines of a program, the newest last.
type tail []lastLine

type lastLine struct {
	at   time.Time // when it was read
	text []byte
}

// appendShort appends as much of a line to text as is kept of the last ones.
func appendShort(text, line []byte) []byte {
	if len(line) <= lastLineLen {
		return append(text, line...)
	}
	return append(append(text, line[:lastLineLen]...), ellipsis...)
}

func (t *tail) add(at time.Time, line []byte) {
	if len(*t) < lastLines {
		*t = append(*t, lastLine{at, appendShort(nil, line)})
		return
	}
	oldest := (*t)[0]
	copy(*t, (*t)[1:])
	(*t)[lastLines-1] = lastLine{at, appendShort(oldest.text[:0], line)}
}

// since are the lines that were not read before a time.
func (t tail) since(begun time.Time) []string {
	var lines []string
	for _, line := range t {
		if !line.at.Before(begun) {
			lines = append(lines, string(line.text))
		}
	}
	return lines
}
