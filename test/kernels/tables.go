package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const head = `# Other kernels

` + "`make test-kernels`" + ` has written this. It boots Debian's kernels in virtual machines, with nothing in them but the tests, and
runs each suite as root and as an ordinary user.

## What they have

All of it was tried there. *Step* is the step of the ladder (docs/DESIGN.md) that respawner takes by itself, *works* are those
that it can be made to take. *pidfs*: a pidfd has an inode of its own, so that a pid that was given away is told from the one
that had it before. *Exit of others*: a pidfd tells how a process ended that is not a child of ours.

`

// tables are the reports for people to read.
func tables(reports []*report) string {
	var b strings.Builder
	b.WriteString(head)
	writeFacts(&b, reports)
	writeResults(&b, reports)
	writeFailed(&b, reports)
	writeSkipped(&b, reports)
	return b.String()
}

// each calls do for each account on each kernel.
func each(reports []*report, do func(a *account)) {
	for _, r := range reports {
		for _, a := range r.accounts {
			do(a)
		}
	}
}

func (a *account) where() string { return a.facts.Kernel + " | " + a.name }

func writeFacts(b *strings.Builder, reports []*report) {
	b.WriteString("| kernel | account | step | works | why no better step | pidfs | exit of others |\n|---|---|---|---|---|---|---|\n")
	yes := map[bool]string{true: "yes", false: "no"}
	each(reports, func(a *account) {
		f := a.facts
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n",
			a.where(), f.Step, strings.Join(f.Steps, ", "), f.Reason, yes[f.Pidfs], yes[f.ExitOfOthers])
	})
}

const resultsHead = `
## What was run

*shapes*, *ladder*, *stop*, *adoption* and *clock* are promises to the user, held through the built binary (test/); the others are the
tests of a package that talks to the kernel. A test that has subtests is counted by them.

`

func writeResults(b *strings.Builder, reports []*report) {
	b.WriteString(resultsHead)
	columns := 0
	each(reports, func(a *account) {
		if columns == 0 {
			columns = len(a.results)
			b.WriteString("| kernel | account |")
			for _, r := range a.results {
				fmt.Fprintf(b, " %s |", r.suite)
			}
			b.WriteString("\n|---|---|" + strings.Repeat("---|", columns) + "\n")
		}
		fmt.Fprintf(b, "| %s |", a.where())
		for _, r := range a.results {
			fmt.Fprintf(b, " %s |", r)
		}
		b.WriteString("\n")
	})
	writeLeftOut(b, reports)
}

// writeLeftOut lists which suites were not asked for.
func writeLeftOut(b *strings.Builder, reports []*report) {
	out := suiteNames()
	each(reports, func(a *account) {
		for _, r := range a.results {
			out = slices.DeleteFunc(out, func(name string) bool { return name == r.suite })
		}
	})
	if len(out) > 0 {
		fmt.Fprintf(b, "\nLeft out this time: %s.\n", strings.Join(out, ", "))
	}
}

func writeFailed(b *strings.Builder, reports []*report) {
	var failed []string
	each(reports, func(a *account) {
		for _, r := range a.results {
			for _, test := range r.failed {
				failed = append(failed, fmt.Sprintf("| %s | %s |\n", a.where(), test))
			}
		}
	})
	if len(failed) > 0 {
		b.WriteString("\n## What failed\n\n| kernel | account | test |\n|---|---|---|\n" + strings.Join(failed, ""))
	}
}

// writeSkipped lists the tests that were skipped, and why.
func writeSkipped(b *strings.Builder, reports []*report) {
	where, tests := map[string][]string{}, map[string][]string{} // by the reason
	each(reports, func(a *account) {
		for _, r := range a.results {
			for _, test := range r.skipped {
				why := strings.ReplaceAll(r.reasons[test], "|", "\\|")
				where[why] = append(where[why], version(a.facts.Kernel)+" "+a.name)
				tests[why] = append(tests[why], r.suite+"."+test)
			}
		}
	})
	if len(where) == 0 {
		return
	}
	b.WriteString("\n## What was skipped\n\n| why | where | tests |\n|---|---|---|\n")
	for _, why := range slices.Sorted(maps.Keys(where)) {
		fmt.Fprintf(b, "| %s | %s | %s |\n", why, list(where[why]), list(tests[why]))
	}
}

// list names each once.
func list(names []string) string {
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// version is the release without what Debian adds to it.
func version(release string) string {
	number, _, _ := strings.Cut(release, "-")
	number, _, _ = strings.Cut(number, "+")
	return number
}
