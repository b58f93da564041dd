package settle

import (
	"fmt"
	"slices"
	"testing"
)

// asked returns what is asked now, in words.
func asked(table *Table) (words []string) {
	for _, q := range table.Questions() {
		word := q.Ask.String()
		switch {
		case q.P != nil:
			word += fmt.Sprint(" ", q.P.PID)
		case q.Unit != 0:
			word += fmt.Sprint(" of ", q.Unit)
		}
		words = append(words, word)
	}
	return words
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

// family makes a table with pid 3 and its child 4.
func family(t *testing.T, policy Policy) *Table {
	t.Helper()
	table, _ := rooted(t)
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	answer(table, alive(5))
	table.Settled()
	table.SetPolicy(policy)
	table.unlisted = nil
	return table
}

// An orphan goes up: so a look begins with the deepest, and ends with us. It does so for all above a
// process.
func TestLookOrder(t *testing.T) {
	table := family(t, Policy{})
	table.LookAround()
	expect(t, asked(table), "children 4", "children 3", "children")
	table.Fresh([]*Process{table.Process(4)})
	expect(t, asked(table), "children 4", "children 3", "children")
	expect(t, asked(table))
}

// A turn has an end, however many are born meanwhile.
func TestLooksAreBounded(t *testing.T) {
	table := family(t, Policy{})
	for range maxPasses {
		table.LookAround()
		if asked(table) == nil {
			t.Fatal("nothing is asked")
		}
	}
	table.LookAround()
	expect(t, asked(table))
	if !table.HasMore() {
		t.Error("there is no more to be done")
	}
	table.Turn()
	expect(t, asked(table), "children 4", "children 3", "children")
}

// A zombie that may be the program of a start is left to that.
func TestZombieOfStart(t *testing.T) {
	table := New(selfPID, Policy{})
	table.Starting(1)
	if table.Zombie(9) {
		t.Error("it is reaped while a start is under way")
	}
	table.Failed(1, 0)
	if !table.Zombie(9) {
		t.Error("it is not reaped")
	}
}

// The kernel's set is asked when the queue is empty, for until then more may be lost.
func TestReplayWaitsForAnEmptyQueue(t *testing.T) {
	table := family(t, kernelSet.policy())
	table.Reading(0)
	table.Lost()
	table.Emptied(false)
	expect(t, asked(table))
	table.Reading(0)
	table.Emptied(true)
	expect(t, asked(table), "replay")
	table.Lost() // meanwhile
	table.Replayed()
	expect(t, asked(table), "replay")
	table.Replayed()
	expect(t, asked(table))
	if all := table.Settled(); len(all) != 3 || all[2].What != Resynced {
		t.Errorf("told %v", all)
	}
}

// Where the set does not know either, there is a look as well.
func TestGapIsLookedFor(t *testing.T) {
	table := family(t, kernelSet.policy())
	table.Missed()
	table.Reading(0)
	table.Emptied(true)
	expect(t, asked(table), "replay")
	table.Replayed()
	expect(t, asked(table), "children 4", "children 3", "children")
	expect(t, asked(table))
	if all := table.Settled(); len(all) != 0 {
		t.Errorf("told %v before the look has come to its end", all)
	}
	table.Listed(nil, nil)
	expect(t, asked(table))
	if all := table.Settled(); len(all) != 3 || all[0].What != Looked || all[2].What != Resynced {
		t.Errorf("told %v", all)
	}
}

// A stranger's program is of no concern when what was lost is known again.
func TestStrangerIsNotLookedAt(t *testing.T) {
	table := family(t, allEvents.policy())
	table.Forget(1)
	table.Reading(0)
	table.Lost()
	table.Emptied(true)
	asked(table)
	table.Listed(nil, nil)
	expect(t, asked(table))
	if all := table.Settled(); len(all) != 1 || all[0].What != Resynced {
		t.Errorf("told %v", all)
	}
}

// A service that is removed is told of nothing any more, whatever was asked or has happened for it, and
// what is found of it is a stranger's.
func TestForget(t *testing.T) {
	table := family(t, Policy{})
	table.Starting(1)
	table.Seek(1, 7, 7)
	table.searchMarks(1)
	table.searchOn()
	table.Execed(3)
	dead := table.Process(4)
	table.Stirred(dead)
	table.Forget(1)
	qs := table.Questions()
	if len(qs) != 1 || qs[0].Ask != Open || qs[0].P.PID != 7 {
		t.Fatalf("asked %v", qs)
	}
	table.Marked(1, []Found{{8, 8}}, nil) // comes too late
	table.Opened(qs[0].P, Look{Result: Opening, FD: 9, Known: true, Start: 7})
	answer(table, alive(5))
	table.Impatient(dead)
	answer(table, alive(5))
	if all := table.Settled(); len(all) != 0 {
		t.Errorf("told %v", all)
	}
	if table.Known(1, 3) != nil || table.Process(7) == nil || dead.Life != Buried || !table.IsCalm() {
		t.Errorf("something is left of it:\n%s", table)
	}
	for _, p := range table.All() {
		if p.Unit != Stranger {
			t.Errorf("%v is of %d", p, p.Unit)
		}
	}
}

// Marks are read again while there is anything new: a process with the mark, or one that can't be read any
// more.
func TestMarksAreReadAgain(t *testing.T) {
	table := family(t, Policy{})
	table.searchMarks(1)
	expect(t, asked(table), "marks of 1")
	table.Marked(1, []Found{{3, 1}, {4, 4}}, []int{7})
	expect(t, asked(table), "marks of 1") // 7 is new
	table.Marked(1, []Found{{3, 1}, {4, 9}}, []int{7})
	expect(t, asked(table), "open 4")
	expect(t, asked(table), "marks of 1") // 4 is another process by now
	table.Marked(1, []Found{{3, 1}, {8, 9}}, []int{7})
	expect(t, asked(table), "open 8")
	expect(t, asked(table), "marks of 1")
	table.Marked(1, []Found{{3, 1}, {4, 4}}, []int{7})
	expect(t, asked(table))
	table.Marked(1, []Found{{9, 9}}, nil) // not asked for
	expect(t, asked(table))
}

// What has happened while they are read may be missed by that: they are read once more.
func TestMarksAreReadAnew(t *testing.T) {
	table := family(t, Policy{})
	table.searchMarks(1)
	expect(t, asked(table), "marks of 1")
	table.searchMarks(1)
	expect(t, asked(table)) // not beside the one that goes on
	table.Marked(1, nil, nil)
	expect(t, asked(table), "marks of 1")
	table.Marked(1, nil, nil)
	expect(t, asked(table))
}

// They are not read for ever; but what was to be looked for meanwhile counts anew.
func TestMarksAreBounded(t *testing.T) {
	table := family(t, Policy{})
	table.searchMarks(1)
	table.searchMarks(0)
	table.searchMarks(Stranger)
	n := 0
	for ; n < 100 && len(asked(table)) > 0; n++ {
		if n == maxPasses-2 {
			table.searchMarks(1)
		}
		table.Marked(1, nil, []int{100 + n})
	}
	if n != maxPasses+maxPasses-2 {
		t.Errorf("%d times", n)
	}
}

// The orphans of a process that does not descend from us are searched for when it was the last, for where
// births are told the others are known; by a scan each time.
func TestForeignOrphans(t *testing.T) {
	for _, exact := range []bool{true, false} {
		table := family(t, Policy{Told: exact, Exact: exact})
		for _, p := range table.All() {
			p.Foreign = true
		}
		for i, pid := range []int{4, 3} {
			p := table.Process(pid)
			p.exit.Known = true
			table.Stirred(p)
			var all []string
			for words := asked(table); words != nil; words = asked(table) {
				all = append(all, words...)
				table.Reading(0)
				table.Emptied(true)
				if p.Life == Drained {
					table.Over(p, Ending{})
				}
				table.Marked(1, nil, nil)
			}
			if searched := slices.Contains(all, "marks of 1"); searched != (!exact || i == 1) {
				t.Errorf("exact %v: the end of %d has asked %q", exact, pid, all)
			}
		}
	}
}
