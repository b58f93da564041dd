package main

import (
	"unicode/utf8"

	"respawner/watch/control"
)

// forestRow is one process of the tree, in front of its command line.
type forestRow struct {
	control.Process
	branch string
}

// maxIndent keeps very deep trees from running out of the line: what is deeper
// stands below its parent without being moved to the right.
const maxIndent = 3 * 10

// forestRows draws the forest, each process once, children below their
// parents. Processes have parents before children; one whose parent has not
// come before it stands at the left.
func forestRows(processes []control.Process) []forestRow {
	f := forest{children: make(map[int][]control.Process)}
	seen := make(map[int]bool)
	var roots []control.Process
	for _, p := range processes {
		if seen[p.PID] {
			continue
		}
		if seen[p.PPID] {
			f.children[p.PPID] = append(f.children[p.PPID], p)
		} else {
			roots = append(roots, p)
		}
		seen[p.PID] = true
	}
	for _, root := range roots {
		f.draw(root, "", "")
	}
	return f.rows
}

// forest is a drawing in progress.
type forest struct {
	children map[int][]control.Process
	rows     []forestRow
}

// draw adds p, behind branch, and all below it, behind indent.
func (f *forest) draw(p control.Process, branch, indent string) {
	f.rows = append(f.rows, forestRow{p, branch})
	children := f.children[p.PID]
	for i, child := range children {
		branch, below := "├─ ", indent+"│  "
		if i == len(children)-1 {
			branch, below = "└─ ", indent+"   "
		}
		if utf8.RuneCountInString(below) > maxIndent {
			below = indent
		}
		f.draw(child, indent+branch, below)
	}
}
