package settle

import (
	"testing"

	"respawner/watch/service"
)

// A birth tells the pid of the parent. The parent that the child has now, and when both were there, say whether the
// process that is known by that pid can be it.
func TestIsParent(t *testing.T) {
	const late = 7 // an inode that stands for that
	for _, c := range []struct {
		name  string
		up    Process
		below int // up is below that one
		loose bool
		l     Look
		want  bool
	}{
		{"it is", Process{}, 0, false, Look{Parent: 3}, true},
		{"it lives, and another one is", Process{}, 0, false, Look{Parent: 8}, false},
		{"it lives, and another one above it is", Process{}, 8, false, Look{Parent: 8}, false},
		{"it lives, and we are", Process{}, 0, false, Look{Parent: selfPID}, false},
		{"it lives, and none of the table is", Process{}, 0, false, Look{}, true},
		{"it has ended, and we are", Process{Life: Dead}, 0, false, Look{Parent: selfPID}, true},
		{"it has ended, and we are, while others were not told", Process{Life: Dead, FD: -1}, 0, true, Look{Parent: selfPID}, false},
		{"it has ended below another one, and we are, while others were not told", Process{Life: Dead, FD: 9}, 8, true, Look{Parent: selfPID}, false},
		{"it has ended as ours, and we are, while others were not told", Process{Life: Dead, FD: 9}, 0, true, Look{Parent: selfPID}, true},
		{"it has ended as ours, and we are, and the birth was told late", Process{Life: Dead, FD: 9}, 0, true, Look{Parent: selfPID, Inode: late}, false},
		{"it had ended as ours before, and we are, while others were not told", Process{Life: Dead, FD: 9, over: 4}, 0, true, Look{Parent: selfPID, Start: 5}, false},
		{"it has ended, and we are, and it was not below us", Process{Life: Dead, Foreign: true}, 0, false, Look{Parent: selfPID}, false},
		{"it has ended, and one above it is", Process{Life: Dead}, 8, false, Look{Parent: 8}, true},
		{"it has ended, and another one is", Process{Life: Dead}, 0, false, Look{Parent: 8}, false},
		{"it started at the same time", Process{Start: 5}, 0, false, Look{Parent: 3, Start: 5}, true},
		{"it started later", Process{Life: Dead, Start: 6}, 0, false, Look{Parent: selfPID, Start: 5}, false},
		{"it ended then", Process{Life: Dead, over: 5}, 0, false, Look{Parent: selfPID, Start: 5}, true},
		{"it ended before", Process{Life: Dead, over: 4}, 0, false, Look{Parent: selfPID, Start: 5}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, up, p := New(selfPID, Policy{}), c.up, &Process{PID: 4, loose: c.loose, late: c.l.Inode == late}
			if up.PID = 3; up.Life == Sought {
				up.Life = Alive
			}
			table.byPID[3], table.byPID[8] = &up, &Process{PID: 8, Life: Alive}
			up.hang(table.byPID[c.below])
			p.hang(&up)
			if got := table.isParent(&up, p, c.l); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// The process under a dead one's pid started later, and forks: its child is not that process's, nor is what that forked.
func TestChildOfAnotherWithThatPid(t *testing.T) {
	table := family(t, allEvents.policy())
	table.Born(Birth{Parent: 4, Child: 5, At: 10, By: 10})
	table.Questions()
	table.Opened(table.Process(5), Look{Result: Opening, FD: 15, Known: true, Start: 12})
	table.Born(Birth{Parent: 5, Child: 6, At: 14, By: 14})
	table.Born(Birth{Parent: 6, Child: 7, At: 15, By: 15})
	if six, seven := table.Process(6), table.Process(7); six.Unit != 1 || seven.Unit != 1 {
		t.Fatalf("%v and %v are of %d and %d", six, seven, six.Unit, seven.Unit)
	}
	table.Opened(table.Process(6), Look{Result: Opening, FD: 16, Known: true, Start: 13, Parent: selfPID})
	if six, seven := table.Process(6), table.Process(7); six.Unit != Unclaimed || seven.Unit != Unclaimed || six.Parent() != 0 {
		t.Errorf("%v and %v are of %d and %d", six, seven, six.Unit, seven.Unit)
	}
}

// A process that ends may have left a child to whatever is above it: the dead of its service, or of any while that is not
// known, are not told before another look.
func TestEndAsksForAnotherLook(t *testing.T) {
	for u, want := range map[Unit]bool{1: false, Unclaimed: false, 2: true} {
		table := New(selfPID, Policy{})
		first, second := &Process{PID: 3, Unit: 1, Life: Alive}, &Process{PID: 4, Unit: u, Life: Alive}
		table.died(first)
		first.searched = true
		table.died(second)
		if first.searched != want {
			t.Errorf("one of %d ends: looked for already: %v", u, first.searched)
		}
	}
}

// What a failed start has made is of no service. Another dead process may be of the start that is still under way.
func TestFailedStart(t *testing.T) {
	table := New(selfPID, allEvents.policy())
	table.Starting(1)
	table.Starting(2)
	for _, pid := range []int{3, 4} {
		table.Born(Birth{Parent: selfPID, Child: pid, At: 5, By: 5})
		p := table.Process(pid)
		table.Opened(p, Look{Result: Opening, FD: 10 + pid, Dead: true})
		table.Owned(p, Unclaimed, true)
	}
	asked(table)
	table.Failed(1, 3)
	expect(t, asked(table), "drain")
	if three, four := table.Process(3), table.Process(4); three.Unit != Stranger || four.Unit != Unclaimed || !four.parked {
		t.Errorf("%v is of %d, %v of %d, parked: %v", three, three.Unit, four, four.Unit, four.parked)
	}
}

// A look finds the pid of a child that has ended without a word as yet: it may be that of the parent's next child.
func TestListedUnderAPidOfTheDead(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		pids   []int
		want   []string
	}{
		{allEvents.policy(), []int{4}, []string{"open 4"}},
		{allEvents.policy(), nil, []string{"drain"}},
		{scan.policy(), []int{4}, []string{"drain"}}, // it looks again
	} {
		table := family(t, c.policy)
		table.Listed(table.Process(3), c.pids)
		table.Stirred(table.Process(4))
		expect(t, asked(table), c.want...)
	}
}

// What a dead process ran could not be looked at, so its children are, however late they are told.
func TestUnreadAsLongAsItIsKnown(t *testing.T) {
	table, p, c := New(selfPID, Policy{}), &Process{Life: Ended, Unit: 1, obscure: true}, &Process{Life: Alive, Unit: 1}
	c.hang(p)
	table.wasTold(p)
	table.wasTold(p)
	table.wasTold(c)
	if all := table.Settled(); len(all) != 1 || all[0].What != Looked || all[0].P != c {
		t.Errorf("told %v", all)
	}
}

// No death of a service is told while one of it waits, itself or below another, for word of which service that is that had
// its pid before: else the last one would be told dead beside it.
func TestNoDeathBesideOneThatWaits(t *testing.T) {
	for _, u := range []Unit{1, 2} {
		table := New(selfPID, allEvents.policy())
		last := &Process{PID: 3, Unit: 1, Life: Ended, FD: -1, told: true, searched: true}
		former := &Process{PID: 4, Life: Ended, FD: -1, unsure: true}
		waits := &Process{PID: 4, Unit: u, Life: Alive, former: former}
		below := &Process{PID: 5, Unit: u, Life: Alive}
		below.hang(waits)
		table.untold = []*Process{below}
		if got, want := table.settleDeath(last), u == 2; got != want {
			t.Errorf("beside one of %d: told %v", u, got)
		}
	}
}

// A birth is known if the table has its process by that. One by a process that is not known is not, though it may have a pid
// that is.
func TestIsBirthKnown(t *testing.T) {
	for _, c := range []struct {
		name string
		b    Birth
		want bool
	}{
		{"a new child", Birth{Parent: 4, Child: 5, At: 9, By: 9}, true},
		{"one that was told", Birth{Parent: 3, Child: 4, At: 5, By: 5}, true},
		{"one before that", Birth{Parent: 3, Child: 4, At: 4, By: 4}, true},
		{"a child of an unknown one", Birth{Parent: 8, Child: 9, At: 9, By: 9}, false},
		{"a child of an unknown one, with a pid that is known", Birth{Parent: 8, Child: 4, At: 9, By: 9}, false},
	} {
		if got := family(t, kernelSet.policy()).Born(c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// A child of ours that may be of any service holds up the last death of one: not for a start that it may be of, but for
// whatever else can still tell.
func TestIsOpen(t *testing.T) {
	for _, c := range []struct {
		p    Process
		want bool
	}{
		{Process{Life: Alive}, true},
		{Process{Life: Alive, Unit: 1}, false},
		{Process{Life: Alive, parked: true}, false},
		{Process{Life: Alive, parked: true, unsure: true}, true},
		{Process{Life: Drained, parked: true}, true},
		{Process{Life: Drained, held: true}, false},
		{Process{Life: Buried}, false},
	} {
		table := New(selfPID, Policy{})
		table.untold = []*Process{&c.p}
		if got := table.isOpen(); got != c.want {
			t.Errorf("%+v: %v", c.p, got)
		}
	}
}

// How a process has ended, when that was given up, is not what is told later: that may be of the next one with its pid.
func TestExitIsTooLate(t *testing.T) {
	table := New(selfPID, allEvents.policy())
	p := &Process{PID: 3, Life: Ended}
	table.byPID[3] = p
	if table.Exited(3, service.Exit{Known: true}); p.exit.Known {
		t.Errorf("it is told as %v", p.exit)
	}
}

// Under the pid of a child is a process that is none of ours: the child may have ended, and left children above it.
func TestStrangerUnderAChildsPid(t *testing.T) {
	table := family(t, socketFilter.policy())
	table.Born(Birth{Parent: 4, Child: 5, At: 9, By: 9, Loose: true})
	table.Opened(table.Questions()[0].P, Look{Result: Opening, FD: 15, Known: true, Start: 9})
	if p := table.Process(5); p != nil {
		t.Errorf("it is taken for %v", p)
	}
	expect(t, asked(table), "close")
	expect(t, asked(table), "list")
	expect(t, asked(table), "children 4", "children 3", "children")
}
