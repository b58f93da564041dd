//go:build linux

package test

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// The help of respawner, and that of each command that it names, fits a terminal of 80
// columns.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	r := call(t, "--help")
	commands := matches(`^     ([a-z]+)  `, r.stdout)
	if len(commands) < 17 {
		t.Fatalf("--help names %d commands: %v", len(commands), r)
	}
	fits(t, r)
	for _, command := range commands {
		r := call(t, command[1], "--help")
		fits(t, r)
		for _, part := range []string{"respawner " + command[1] + " - ", "Exit code"} {
			if !strings.Contains(r.stdout, part) {
				t.Errorf("%s --help has no %q: %v", command[1], part, r)
			}
		}
	}
}

func fits(t *testing.T, r result) {
	t.Helper()
	if r.code != 0 || r.stderr != "" {
		t.Errorf("help: %v", r)
	}
	for line := range strings.Lines(r.stdout) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
