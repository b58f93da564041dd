package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Bounds of what top keeps of a log; no screen shows more of a line.
const (
	topLogLines = 500
	topLogBytes = 4 << 10 // of a line
)

// log brings the end of what a program has written.
func (w *topWatch) log(d topDo) detailMsg {
	msg := detailMsg{source: d}
	var path string
	if path, msg.err = w.o.whereKept(d.name, lookAt(w.dir, d.name).status.Output); msg.err != nil {
		return msg
	}
	msg.titles = line{{printable(path), dim}}
	msg.lines, msg.err = logTail(d.name, path)
	return msg
}

// logTail is the last lines of a log.
func logTail(name, path string) ([]line, error) {
	h, err := openLog(name, path)
	if err != nil {
		return nil, err
	}
	defer h.close()
	var t lineTail
	if err := h.print(&t, view{Lines: topLogLines}); err != nil {
		return nil, fmt.Errorf("logs of %s: %w", name, err)
	}
	t.end()
	return t.lines, nil
}

// lineTail gathers the last lines of what is written to it, fit for a screen.
type lineTail struct {
	lines []line
	text  []byte // of a line that has no end yet
}

// Write implements io.Writer.
func (t *lineTail) Write(text []byte) (int, error) {
	for part := range bytes.Lines(text) {
		bare, ended := bytes.CutSuffix(part, []byte("\n"))
		t.text = append(t.text, bare[:min(len(bare), topLogBytes-len(t.text))]...)
		if ended {
			t.add()
		}
	}
	return len(text), nil
}

// end takes a line that has no end.
func (t *lineTail) end() {
	if len(t.text) > 0 {
		t.add()
	}
}

// add takes the line at hand. A tab would take the cursor past what was there
// before.
func (t *lineTail) add() {
	if len(t.lines) == topLogLines { // more has come while it was read
		t.lines = slices.Delete(t.lines, 0, 1)
	}
	text := strings.ReplaceAll(string(t.text), "\t", "        ")
	t.lines = append(t.lines, line{{printable(text), plain}})
	t.text = t.text[:0]
}
