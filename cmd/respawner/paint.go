package main

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// style is how a terminal is to show a text: the parameters of ECMA-48's SGR.
// Only the eight colours that each terminal lets its user choose are used.
type style string

const (
	plain   style = ""
	bold    style = "1"
	dim     style = "2"
	inverse style = "7"
	red     style = "31"
	green   style = "32"
	yellow  style = "33"
	cyan    style = "36"
)

// and is both styles at once.
func (s style) and(t style) style {
	if s == plain {
		return t
	}
	return s + ";" + t
}

// cell is a text in one style. The text is printable already.
type cell struct {
	text  string
	style style
}

// line is one line of output, its cells side by side.
type line []cell

// display is what is known of where output goes.
type display struct {
	width  int // in columns; 0: no terminal, so nothing is cut
	colour bool
}

// draw is a line as it is written there, no wider than it may be.
func (d display) draw(l line) string {
	var out strings.Builder
	room := d.width
	for _, c := range l {
		if d.width > 0 {
			c.text = cut(c.text, room)
			room -= displaywidth.String(c.text)
		}
		out.WriteString(d.paint(c))
		if d.width > 0 && room <= 0 {
			break
		}
	}
	return out.String()
}

func (d display) paint(c cell) string {
	if !d.colour || c.style == plain || c.text == "" {
		return c.text
	}
	return "\x1b[" + string(c.style) + "m" + c.text + "\x1b[0m"
}

// cut shortens a text to width columns.
func cut(text string, width int) string {
	if width <= 0 {
		return ""
	}
	return displaywidth.TruncateString(text, width, "…")
}

// pad brings a text to width columns, blanks on the right or, for numbers, on
// the left. A text that is wider is cut.
func pad(text string, width int, right bool) string {
	text = cut(text, width)
	blanks := strings.Repeat(" ", max(0, width-displaywidth.String(text)))
	if right {
		return blanks + text
	}
	return text + blanks
}

// stateStyle is how a service's state looks at a glance.
func stateStyle(state string) style {
	switch state {
	case stateRunning:
		return green
	case stateOrphaned:
		return bold.and(red)
	case "starting", "stopping", "backoff":
		return yellow
	case "failed", "unknown":
		return red
	}
	return dim
}
