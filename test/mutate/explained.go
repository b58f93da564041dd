package main

import (
	"fmt"
	"os"
	"strings"
)

// readExplained reads why mutants survive that no test can kill: a line that names one as it is printed, and below it,
// indented, why it makes no difference. # begins a comment.
func readExplained(file string) (map[string]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	reasons := map[string]string{}
	var names []string
	for line := range strings.Lines(string(text)) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || line[0] == '#':
		case line[0] != ' ':
			reasons[trimmed] = ""
			names = append(names, trimmed)
		case len(names) == 0:
			return nil, fmt.Errorf("%s: a reason without a mutant: %s", file, trimmed)
		default:
			reasons[names[len(names)-1]] += trimmed
		}
	}
	for _, name := range names {
		if reasons[name] == "" {
			return nil, fmt.Errorf("%s: no reason is given for %s", file, name)
		}
	}
	return reasons, nil
}
