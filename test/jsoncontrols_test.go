//go:build linux

package test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// A program's words can't steer the terminal on which JSON is looked at, and
// come back from it as they were.
func TestJSONHasNoControls(t *testing.T) {
	t.Parallel()
	s := newShell(t, `printf 'bad \302\2332J\302\205 \033[2J\177 \342\200\256 words\n'; exit 3`)
	if r := s.tell("start", "-t", "300"); r.code != 1 {
		t.Fatalf("start: %v", r)
	}
	r := s.tell("status", "--json")
	if line := strings.TrimSuffix(r.stdout, "\n"); strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
		t.Errorf("%q", line)
	}
	var st status
	if err := json.Unmarshal([]byte(r.stdout), &st); err != nil || !slices.Equal(st.Said, []string{"bad \u009b2J\u0085 \x1b[2J\x7f \u202e words"}) {
		t.Errorf("it said %q, %v", st.Said, err)
	}
	s.stop()
}
