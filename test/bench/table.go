package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is a table in markdown; the first row is its head.
type table [][]string

func (t *table) add(cells ...string) { *t = append(*t, cells) }

// addMissing adds a row for what could not be measured.
func (t *table) addMissing(name, why string) {
	row := slices.Repeat([]string{"-"}, len((*t)[0]))
	row[0], row[1] = name, strings.Join(strings.Fields(why), " ")
	t.add(row...)
}

// String aligns the columns, for readers of the text itself.
func (t table) String() string {
	width := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for i, row := range t {
		b.WriteString(line(row, width))
		if i == 0 {
			b.WriteString(line(rule(width), width))
		}
	}
	return b.String()
}

func line(row []string, width []int) string {
	var b strings.Builder
	for i, cell := range row {
		fmt.Fprintf(&b, "| %-*s ", width[i], cell)
	}
	return b.String() + "|\n"
}

func rule(width []int) (cells []string) {
	for _, n := range width {
		cells = append(cells, strings.Repeat("-", n))
	}
	return cells
}

// head is what stands before all chapters.
func (b *bench) head() string {
	return fmt.Sprintf(`# Benchmarks

    make bench

writes this file. What follows was measured on %s, %d cores.

Whatever can be is a ratio of two things that were measured in turn within moments, for a time alone says more about
the machine than about respawner.
`, kernel(), runtime.NumCPU())
}
