package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/xrash/smetrics"

	"respawner/watch/control"
)

// nearness is from where on one name is like another, by Jaro and Winkler: 1 is the same.
const nearness = 0.85

// maxNear is how many names an error suggests for one that is not known.
const maxNear = 3

// known returns nil for a service that was started here, whether it runs or not. For any other service the
// error says that there is none, and which names are like it. The directory is nil where there is none.
func known(dir *control.Dir, name string) error {
	var all []string
	if dir != nil {
		switch here, err := dir.Knows(name); {
		case here || err != nil:
			return err
		}
		var err error
		if all, err = dir.Names(); err != nil {
			return err
		}
	}
	return exitError{code: exitFailure, msg: noService(name, all)}
}

// noService returns the error for a name that no service here has. It lists the names that are like it.
func noService(name string, all []string) string {
	switch like := near(name, all); len(like) {
	case 0:
		return fmt.Sprintf("no service %s here: respawner list shows what there is", name)
	case 1:
		return fmt.Sprintf("no service %s here: there is %s", name, like[0])
	default:
		return fmt.Sprintf("no service %s here: there are %s", name, strings.Join(like, ", "))
	}
}

// near returns the names that are like name, the likest first, at most maxNear. Two names are alike if one has the
// other in it, or if they differ in a letter or two.
func near(name string, all []string) []string {
	likeness := func(other string) float64 {
		a, b := strings.ToLower(name), strings.ToLower(other)
		if min(len(a), len(b)) > 1 && (strings.Contains(a, b) || strings.Contains(b, a)) {
			return 1
		}
		return smetrics.JaroWinkler(a, b, 0.7, 4)
	}
	like := slices.DeleteFunc(slices.Clone(all), func(other string) bool {
		return nameFault(other) != "" || likeness(other) < nearness
	})
	slices.SortStableFunc(like, func(a, b string) int { return cmp.Compare(likeness(b), likeness(a)) })
	return like[:min(len(like), maxNear)]
}
