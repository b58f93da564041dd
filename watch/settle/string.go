package settle

import (
	"fmt"
	"strings"
)

// String is for logs and tests: one line a process.
func (t *Table) String() string {
	var b strings.Builder
	for _, p := range t.Kept() {
		fmt.Fprintf(&b, "%v unit %d told %v held %v parked %v parent %v former %v\n", p, p.Unit, p.told, p.held, p.parked, p.parent, p.former)
	}
	return b.String()
}
