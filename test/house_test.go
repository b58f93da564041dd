package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The house of docs/DESIGN.md: which of our packages each may import, at any
// depth, and what the pure ones must not touch.
func TestImports(t *testing.T) {
	for pkg, house := range map[string]struct{ may, mustNot []string }{
		"respawner/procconn":       {},
		"respawner/timer":          {},
		"respawner/watch/control":  {may: []string{"watch/safepath"}},
		"respawner/watch/safepath": {},
		"respawner/watch/spawn":    {},
		"respawner/watch/service":  {mustNot: []string{"net", "golang.org/x/sys/unix"}},
		"respawner/watch/settle":   {may: []string{"watch/service"}, mustNot: []string{"net", "golang.org/x/sys/unix"}},
		"respawner/watch":          {may: []string{"procconn", "timer", "watch/control", "watch/safepath", "watch/service", "watch/settle", "watch/spawn"}},
		"respawner/cmd/respawner":  {may: []string{"procconn", "timer", "watch", "watch/control", "watch/safepath", "watch/service", "watch/settle", "watch/spawn"}},
	} {
		for _, dep := range deps(t, pkg) {
			ours, isOurs := strings.CutPrefix(dep, "respawner/")
			if isOurs && dep != pkg && !slices.Contains(house.may, ours) {
				t.Errorf("%s imports %s", pkg, dep)
			}
			if slices.Contains(house.mustNot, dep) {
				t.Errorf("%s imports %s", pkg, dep)
			}
		}
	}
}

// deps are all packages that pkg is built from, itself included.
func deps(t *testing.T, pkg string) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", pkg).Output()
	if err != nil {
		t.Fatalf("go list -deps %s: %v", pkg, err)
	}
	return strings.Fields(string(out))
}
