package settle

import (
	"testing"
	"time"

	"respawner/watch/service"
)

// What a story can't show in a few lines: each test calls the table as the rooms do.

// rooted makes a table with a program of service 1, pid 3, that is told.
func rooted(t *testing.T) (*Table, *Process) {
	t.Helper()
	table := New(selfPID, allEvents.policy())
	table.Starting(1)
	table.Started(1, Start{PID: 3, FD: 10, Start: 1})
	answer(table, nil)
	table.Settled()
	return table, table.Process(3)
}

// answer answers all that is asked: each process is opened as look says, and has not ended.
func answer(table *Table, look func(p *Process) Look) {
	for qs := table.Questions(); qs != nil; qs = table.Questions() {
		for _, q := range qs {
			switch q.Ask {
			case Drain:
				table.Reading(0)
				table.Emptied(true)
			case Open:
				table.Opened(q.P, look(q.P))
			case End:
				table.Over(q.P, Ending{})
			case Children:
				table.Listed(q.P, nil)
			case Owner:
				table.Owned(q.P, 1, false)
			case Marks:
				table.Marked(q.Unit, nil, nil)
			}
		}
	}
}

func alive(at time.Duration) func(*Process) Look {
	return func(*Process) Look {
		return Look{Result: Opening, FD: 11, At: at, Known: true, Start: at - 1, Parent: 3}
	}
}

// The first word on how a process has ended counts: the next is of a process that has its pid.
func TestExitedTwice(t *testing.T) {
	table, p := rooted(t)
	table.Stirred(p)
	table.Exited(3, service.Exit{Known: true, Code: 5})
	table.Exited(3, service.Exit{Known: true, Code: 6})
	answer(table, nil)
	if all := table.Settled(); len(all) != 1 || all[0].What != Died || all[0].Exit.Code != 5 {
		t.Errorf("got %v", all)
	}
}

// What was told of the end of a process that lives was of its first thread.
func TestExitOfThreadBeforeOpened(t *testing.T) {
	table, _ := rooted(t)
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	table.Exited(4, service.Exit{Known: true, Code: 7})
	answer(table, alive(5))
	table.Settled()
	table.Stirred(table.Process(4))
	answer(table, alive(5))
	if p := table.Process(4); p == nil || p.Life != Mute {
		t.Errorf("got %v: how it ended is not known", p)
	}
}

// A pid that is given to another process is not remembered as that of a zombie.
func TestUnreapedIsForgotten(t *testing.T) {
	table, _ := rooted(t)
	table.unreaped[4] = true
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	if table.unreaped[4] {
		t.Error("it is remembered")
	}
}

// A zombie that was buried may be another process with that pid, which has left children to us: they are
// looked for.
func TestReapLooks(t *testing.T) {
	table, _ := rooted(t)
	table.unreaped[4] = true
	if !table.Zombie(4) {
		t.Fatal("it is known")
	}
	qs := table.Questions()
	table.Opened(qs[0].P, Look{Result: Opening, FD: 11, Dead: true})
	qs = table.Questions()
	if len(qs) != 1 || qs[0].Ask != Reap || qs[0].FD != 11 || !table.isLooking() {
		t.Errorf("asked %v, looking %v", qs, table.isLooking())
	}
}

// A process can't leave its children to one of them, nor to one that has ended: the pid that was read is
// another process's.
func TestReparented(t *testing.T) {
	table, p := rooted(t)
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	answer(table, alive(5))
	c := table.Process(4)
	if table.Reparented(p, 4); p.reaper != nil {
		t.Errorf("its child is its heir")
	}
	if table.Reparented(p, 99); p.reaper != nil {
		t.Errorf("one that is unknown is its heir")
	}
	if table.Reparented(c, 3); c.reaper != p {
		t.Errorf("its parent is not its heir")
	}
	p.to(Dead)
	p.to(Drained)
	p.to(Ended)
	c.to(Dead)
	c.to(Drained)
	c.to(Ended)
	table.Settled()
	table.tellDeath(c)
	if e := table.Settled()[0]; e.Reaper != 0 {
		t.Errorf("one that has ended is its heir: %v", e)
	}
	if table.Reparented(c, 3); c.reaper != p {
		t.Errorf("it has changed")
	}
}

// A dead process of which it is not known of which service it was is kept while a child of it lives, for
// that may tell.
func TestGiveUp(t *testing.T) {
	table := New(selfPID, Policy{})
	p := &Process{PID: 4, Life: Ended, FD: -1}
	c := &Process{PID: 5, Life: Alive, FD: 11}
	c.hang(p)
	if table.giveUp(p) || p.Unit != Unclaimed {
		t.Error("it is given up, and its child lives")
	}
	c.Life = Dead
	if !table.giveUp(p) || p.Unit != Stranger {
		t.Error("it is not given up")
	}
}

// What is opened in vain, or twice, is given back.
func TestClose(t *testing.T) {
	table, p := rooted(t)
	p.to(Dead)
	table.Opened(p, Look{Result: Opening, FD: 12})
	if qs := table.Questions(); len(qs) == 0 || qs[0].Ask != Close || qs[0].FD != 12 {
		t.Errorf("asked %v", qs)
	}
}

// The inode tells the program of a start from a later process with its pid.
func TestProgramByInode(t *testing.T) {
	table := New(selfPID, allEvents.policy())
	table.Starting(1)
	program := &Process{PID: 3, FD: -1, Inode: 2, Life: Ended}
	table.enter(program, nil)
	later := &Process{PID: 3, FD: -1, Life: Told}
	table.enter(later, nil)
	table.Started(1, Start{PID: 3, FD: 10, Inode: 2})
	if !program.started || program.Unit != 1 || later.started || later.Unit != Unclaimed {
		t.Errorf("the program is of unit %d, the later one of %d", program.Unit, later.Unit)
	}
}

// The evidence for the program of a start is kept, whether its birth or the start's outcome is heard first.
func TestProgramHasItsEvidence(t *testing.T) {
	for _, told := range []bool{false, true} {
		table := New(selfPID, allEvents.policy())
		table.Starting(1)
		if told {
			table.Born(Birth{Parent: selfPID, Child: 3, At: 5, By: 5})
		}
		table.Started(1, Start{PID: 3, FD: 10, Inode: 2, Start: 4, Held: true})
		answer(table, alive(5))
		if p := table.Process(3); p.Start != 4 || p.Inode != 2 || p.Unit != 1 {
			t.Errorf("told first: %v, got %+v", told, p)
		}
	}
}
