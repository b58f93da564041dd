//go:build linux

package test

import (
	"fmt"
	"testing"
)

// The tree has a line for each process, children below their parents, of all
// services or of those that are named.
func TestTree(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-child")
	s.name = "family"
	st := s.start("--follow-forks")
	helper := s.truth("helper", 1)
	other := s.beside("other")
	alone := other.start()

	family := fmt.Sprintf(`^family  running for .*\n +PID  ROLE  +AGE +CPU +RSS  COMMAND\n *%d  main +\d+s +\d+\.\d\ds +\d\S*[KM]  \S*shape.*\n *%d  - .*  └─ `,
		st.MainPID, helper)
	aside := fmt.Sprintf(`^other  running for .*\n.*\n *%d  main `, alone.MainPID)
	tree := func(names ...string) string {
		r := call(t, append([]string{"tree", "--runtime-dir", s.runtime}, names...)...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("tree: %v", r)
		}
		return r.stdout
	}
	for _, tt := range []struct {
		said           string
		family, beside int
	}{{tree(), 1, 1}, {tree("family"), 1, 0}, {tree("other", "family"), 1, 1}} {
		if len(matches(family, tt.said)) != tt.family || len(matches(aside, tt.said)) != tt.beside {
			t.Errorf("tree says:\n%s\nwant\n%s\n%s", tt.said, family, aside)
		}
	}
	if r := other.tell("stop"); r.code != 0 {
		t.Errorf("stop: %v", r)
	}
	if ended := matches(`^other  stopped for \d+s$`, tree("other")); len(ended) != 1 {
		t.Errorf("of what has ended: %q", tree("other"))
	}
	s.stop()
}
