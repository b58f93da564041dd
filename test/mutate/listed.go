package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// listedIn reads mutants that were made by hand. A line that ends with .go names a file of the package. A mutant is lines
// that begin with - (what is there, once in the file) and lines that begin with + (what is to be there). A line that is
// empty ends it, and # begins a comment. Blanks at the beginning of a line don't count.
func listedIn(dir, list string) ([]mutant, error) {
	text, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var all []mutant
	var file string
	for block := range strings.SplitSeq(string(text), "\n\n") {
		var old, with []string
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || line[0] == '#':
			case line[0] == '-':
				old = append(old, strings.TrimSpace(line[1:]))
			case line[0] == '+':
				with = append(with, strings.TrimSpace(line[1:]))
			default:
				file = filepath.Join(dir, line)
			}
		}
		if len(old) == 0 {
			continue
		}
		m, err := handMade(file, old, with)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", list, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// handMade puts some lines of a file in the place of others.
func handMade(file string, old, with []string) (mutant, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return mutant{}, err
	}
	lines := strings.Split(string(text), "\n")
	at := -1
	for i := range lines {
		if isThere(lines[i:], old) {
			if at >= 0 {
				return mutant{}, fmt.Errorf("%s has it twice: %s", file, old[0])
			}
			at = i
		}
	}
	if at < 0 {
		return mutant{}, fmt.Errorf("%s has no such lines any more: %s", file, strings.Join(old, " / "))
	}
	changed := strings.Join(append(append(append([]string(nil), lines[:at]...), with...), lines[at+len(old):]...), "\n")
	name := strings.Join(with, " / ")
	if name == "" {
		name = "(removed)"
	}
	return mutant{file, filepath.Base(file), strings.Join(old, " / "), name, []byte(changed)}, nil
}

// isThere reports whether lines begin with those that are sought.
func isThere(lines, sought []string) bool {
	if len(lines) < len(sought) {
		return false
	}
	for i, line := range sought {
		if strings.TrimSpace(lines[i]) != line {
			return false
		}
	}
	return true
}
