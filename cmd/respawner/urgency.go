package main

import (
	"cmp"
	"slices"
	"strings"

	"respawner/watch/control"
)

// urgentFirst are the states of a service in the order in which they need a look. A state of
// another version, which is none of them, comes before them all.
var urgentFirst = []string{
	stateOrphaned, stateUnknown, "failed", "backoff", "stopping", "starting", stateRunning, "stopped",
}

// byUrgency orders services: problems first, then by name.
func byUrgency(a, b *control.Status) int {
	return cmp.Or(cmp.Compare(urgency(a), urgency(b)), strings.Compare(a.Name, b.Name))
}

func urgency(s *control.Status) int { return slices.Index(urgentFirst, s.State) }

// isProblem reports whether a service needs a look.
func isProblem(s *control.Status) bool { return urgency(s) <= slices.Index(urgentFirst, "backoff") }
