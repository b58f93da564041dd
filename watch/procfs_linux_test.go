package watch

import (
	"os"
	"slices"
	"testing"
)

// Where the kernel has no children files, all processes are asked for their
// parent: the answer is the same.
func TestChildrenAreFoundEitherWay(t *testing.T) {
	a, _ := run(t, "sleep", "1000")
	b, _ := run(t, "sleep", "1000")
	for name, find := range map[string]func(int) []int{"listed": listedChildren, "searched": host.searchedChildren} {
		got := find(os.Getpid())
		slices.Sort(got)
		if want := []int{min(a, b), max(a, b)}; !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		if got := find(a); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
		if got := find(unused); len(got) != 0 {
			t.Errorf("%s: of an unused pid %v", name, got)
		}
	}
	if !hasChildrenFiles() {
		unmet(t, "no children files")
	}
	check(t, host.canScan())
}
