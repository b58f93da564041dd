package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogTail: the last lines, through a rotation, none of which a terminal
// obeys or is flooded by.
func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := openTestOutput(t, path, minOutputSize, 100)
	for i := range 2 * topLogLines {
		writeLines(t, f, outputNow, fmt.Sprint("line ", i+1))
	}
	writeLines(t, f, outputNow, "\x1b[2J\ttab", strings.Repeat("x", 2*topLogBytes))
	lines, err := logTail("x", path)
	if err != nil || len(lines) != topLogLines {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	last := lines[len(lines)-3:]
	for i, want := range []string{fmt.Sprint("Z line ", 2*topLogLines), `Z \x1b[2J        tab`, "Z xxx"} {
		if got := last[i][0].text; !strings.Contains(got, want) || len(got) > topLogBytes {
			t.Errorf("%d bytes: %.80q, want %q", len(got), got, want)
		}
	}
}

// TestLineTail: lines come in any pieces, and more of them than were asked for.
func TestLineTail(t *testing.T) {
	var tail lineTail
	for i := range 3 * topLogLines {
		fmt.Fprintf(&tail, "a %d", i)
		fmt.Fprint(&tail, "b\n")
	}
	fmt.Fprint(&tail, "no end")
	tail.end()
	n := len(tail.lines)
	if n != topLogLines || tail.lines[n-1][0].text != "no end" || tail.lines[0][0].text != fmt.Sprintf("a %db", 2*topLogLines+1) {
		t.Errorf("%d lines, from %v to %v", n, tail.lines[0], tail.lines[n-1])
	}
}

// TestLogTailOfNone: what is no log is said.
func TestLogTailOfNone(t *testing.T) {
	dir := t.TempDir()
	if _, err := logTail("x", dir+"/none"); err == nil || !strings.Contains(err.Error(), "x has no log") {
		t.Errorf("got %v", err)
	}
	if _, err := logTail("x", dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(dir+"/empty", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if lines, err := logTail("x", dir+"/empty"); err != nil || len(lines) != 0 {
		t.Errorf("an empty one: %v, %v", lines, err)
	}
}
