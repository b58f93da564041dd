package settle

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"respawner/watch/service"
)

// What the rooms read of the table.
func TestSeen(t *testing.T) {
	table, p := rooted(t)
	table.Starting(2)
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	for pid, known := range map[int]*Process{3: p, 4: nil, 5: nil} {
		if got := table.Known(1, pid); got != known {
			t.Errorf("by pid %d service 1 knows %v, want %v", pid, got, known)
		}
	}
	if got := table.Known(2, 3); got != nil {
		t.Errorf("service 2 knows %v", got)
	}
	if !table.IsStarting(2) || table.IsStarting(1) {
		t.Error("it is not service 2 that is started")
	}
	if n := table.Len(); n != 2 {
		t.Errorf("%d processes", n)
	}
	if dead, untold, others := table.Counts(); dead != 0 || untold != 1 || others != 0 {
		t.Errorf("%d dead, %d untold, %d others", dead, untold, others)
	}
	const want = "pid 3 (alive) unit 1 told true held false parked false parent <nil> former <nil>\n" +
		"pid 4 (told) unit 1 told false held false parked false parent pid 3 (alive) former <nil>\n"
	if got := table.String(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// A dead process that another one has the pid of is kept beside that.
func TestKept(t *testing.T) {
	table, _ := rooted(t)
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	answer(table, alive(5))
	first := table.Process(4)
	table.Born(Birth{Parent: 3, Child: 4, At: 7, By: 7})
	if kept := table.Kept(); len(kept) != 3 || !slices.Contains(kept, first) || first.Life == Alive {
		t.Errorf("kept are %v", kept)
	}
}

// A process that a look has found says by whose children.
func TestVia(t *testing.T) {
	table, p := rooted(t)
	for _, c := range []struct {
		of    *Process
		found *Process
		is    bool
	}{
		{&Process{via: p}, p, true},
		{&Process{}, nil, true},
		{&Process{reason: byMark}, nil, false},
		{table.Process(3), nil, false},
	} {
		if via, is := c.of.Via(); via != c.found || is != c.is {
			t.Errorf("%v: found by %v, %v", c.of, via, is)
		}
	}
}

// A child of a process that is out of the table is taken in when the kernel's set tells of it, if it is not another
// one that came later. Else it has ended, and is to be taken out of the set.
func TestOrphan(t *testing.T) {
	for _, c := range []struct {
		l       Look
		in, out bool
	}{
		{Look{Result: Opening, Known: true, Start: 5}, true, false},
		{Look{Result: Opening, Known: true, Start: 6}, true, false},
		{Look{Result: Opening, Known: true, Start: 7}, false, true},
		{Look{Result: Opening, Known: true, Start: 5, Zombie: true}, false, true},
		{Look{Result: Opening}, false, false},
		{Look{Result: Refused}, false, false},
		{Look{Result: Gone}, false, true},
	} {
		table, _ := rooted(t)
		table.Born(Birth{Parent: 9, Child: 4, At: 6, By: 6, Replayed: true})
		c.l.FD, c.l.Parent = 11, 1
		table.Opened(table.Questions()[0].P, c.l)
		out := slices.Contains(asked(table), "bury 4")
		if p := table.Process(4); (p != nil) != c.in || out != c.out {
			t.Errorf("%+v: it is %v, taken out: %v", c.l, p, out)
		}
	}
}

// What tells last how a process has ended lets it be told, and its zombie be remembered.
func TestExitedWhenMute(t *testing.T) {
	table, p := rooted(t)
	table.Stirred(p)
	answer(table, nil)
	if p.Life != Mute {
		t.Fatalf("it is %v", p)
	}
	table.Exited(3, service.Exit{Known: true, Code: 5})
	answer(table, nil)
	if all := table.Settled(); len(all) != 1 || all[0].What != Died || all[0].Exit.Code != 5 || !table.unreaped[3] {
		t.Errorf("told %v, remembered %v", all, table.unreaped)
	}
}

// What a process that does not descend from us has left is init's: it is looked for by its mark.
func TestForeignLeavesToInit(t *testing.T) {
	left := &Process{PID: 4, Unit: 1, Life: Dead, Foreign: true, FD: -1}
	loose := func() *Process {
		return &Process{PID: 4, Unit: 1, Life: Told, Foreign: true, FD: -1, loose: true, by: 9}
	}
	for name, c := range map[string]struct {
		do       func(*Table)
		searched bool
	}{
		"its births were not told": {func(table *Table) { table.Fresh([]*Process{left}) }, true},
		"they were not told of one that lives": {func(table *Table) {
			table.Fresh([]*Process{{PID: 4, Unit: 1, Life: Alive, Foreign: true}})
		}, false},
		"they were not told of one of ours": {func(table *Table) {
			table.Fresh([]*Process{{PID: 4, Unit: 1, Life: Alive}})
		}, false},
		"a child of it has ended while it was looked for": {func(table *Table) {
			table.Opened(&Process{PID: 5, via: left}, Look{FD: -1})
		}, true},
		"a child of one of ours has": {func(table *Table) {
			table.Opened(&Process{PID: 5, via: &Process{Life: Alive, Unit: 1}}, Look{FD: -1})
		}, false},
		"its birth is told after a suspend, and its pid is another one's now": {func(table *Table) {
			p := loose()
			table.Opened(p, Look{Result: Opening, FD: 11, Known: true, Start: 5})
			if p.Life != Dead || p.IsStarted(5) {
				panic(fmt.Sprintf("%v is the process that was opened", p))
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(selfPID, Policy{Told: true})
			c.do(table)
			if searched := table.searches[1] != nil; searched != c.searched {
				t.Errorf("searched %v", searched)
			}
		})
	}
}

// A zombie that a look has found is remembered: it is not to be taken for a new process when it comes to us.
func TestZombieSeen(t *testing.T) {
	table, p := rooted(t)
	table.Opened(&Process{PID: 5, via: p}, Look{Result: Opening, FD: 11, Known: true, Zombie: true, Dead: true})
	if !table.unreaped[5] || !table.look.wanted[p] {
		t.Errorf("remembered are %v, read again %v", table.unreaped, table.look.wanted)
	}
}

// The child of a process that turns out to be none of ours is its parent's.
func TestDropped(t *testing.T) {
	table := New(selfPID, Policy{Told: true, Lists: true}) // a filter, which may pass a stranger's births
	table.Starting(1)
	table.Started(1, Start{PID: 3, FD: 10, Start: 1})
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	table.Born(Birth{Parent: 4, Child: 5, At: 6, By: 6})
	p, c := table.Process(4), table.Process(5)
	table.Opened(p, Look{Result: Opening, FD: 11, Known: true, Start: 4})
	if p.Life != Buried || table.Process(4) != nil || c.Parent() != 3 {
		t.Errorf("%v is there, %v below %d", p, c, c.Parent())
	}
}

// A program that had ended, with its pid given away, before a start came out is told before the process
// that has the pid now.
func TestProgramBeforeItsSuccessor(t *testing.T) {
	table, _ := rooted(t)
	table.Starting(2)
	table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
	table.Born(Birth{Parent: 3, Child: 4, At: 7, By: 7})
	later := table.Process(4)
	table.Started(2, Start{PID: 4, FD: 12, Start: 2})
	program := table.untold[0]
	if !program.started || program.Unit != 2 || later.former.former != program {
		t.Fatalf("the first is %v of service %d\n%v", program, program.Unit, table)
	}
	if table.Process(4) != later {
		t.Errorf("%v has the pid", table.Process(4))
	}
	answer(table, alive(8))
	if e := table.Settled(); len(e) == 0 || e[0].What != Spawned || e[0].Unit != 2 {
		t.Errorf("told first is %v", e)
	}
}

// A step of the ladder that lists processes has all that are known put on its list.
func TestAnotherStepLists(t *testing.T) {
	for _, lists := range []bool{true, false} {
		table, p := rooted(t)
		table.SetPolicy(Policy{Told: true, Lists: lists})
		qs := table.Questions()
		listed := slices.ContainsFunc(qs, func(q Question) bool { return q.Ask == List && slices.Equal(q.All, []*Process{p}) })
		if listed != lists {
			t.Errorf("with a list %v, asked %v", lists, qs)
		}
	}
}

// There is no descriptor to be had, but a later process has the pid: the one whose birth was told has ended.
func TestRefusedAndPassedBy(t *testing.T) {
	for start, life := range map[time.Duration]Life{5: Unopened, 6: Dead} {
		table, _ := rooted(t)
		table.Born(Birth{Parent: 3, Child: 4, At: 5, By: 5})
		p := table.Process(4)
		table.Opened(p, Look{Result: Refused, FD: -1, Known: true, Start: start})
		if p.Life != life {
			t.Errorf("under its pid is what started at %d: %v", start, p)
		}
	}
}
