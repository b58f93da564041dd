package main

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// column is a column of a table; numbers stand at its right.
type column struct {
	title string
	right bool
}

// gap is between two columns: two blanks, since a name may have one in it.
const gap = "  "

// table lines up cells; the last column is as wide as it likes.
func table(columns []column, rows []line) []line {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = displaywidth.String(c.title)
		for _, row := range rows {
			widths[i] = max(widths[i], displaywidth.String(row[i].text))
		}
	}
	var lines []line
	for _, row := range rows {
		lines = append(lines, lineUp(columns, widths, row))
	}
	return lines
}

// titled is a table with its titles on top.
func titled(columns []column, rows []line) []line {
	var titles line
	for _, c := range columns {
		titles = append(titles, cell{c.title, dim})
	}
	return table(columns, append([]line{titles}, rows...))
}

func lineUp(columns []column, widths []int, row line) line {
	var l line
	for i, c := range row {
		if last := i == len(row)-1; !last || columns[i].right {
			c.text = pad(c.text, widths[i], columns[i].right)
		}
		if i > 0 {
			l = append(l, cell{gap, plain})
		}
		l = append(l, c)
	}
	return l
}

// drawAll is lines as they are written to a display.
func (d display) drawAll(lines []line) string {
	var out strings.Builder
	for _, l := range lines {
		out.WriteString(d.draw(l) + "\n")
	}
	return out.String()
}
