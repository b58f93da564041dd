package settle

import (
	"fmt"
	"testing"
	"time"
)

// A birth that is told of a pid that is known may be that of the process that is known, or of one
// before it, or after it.
func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Process
		b    Birth
		want order
	}{
		{"the same event", Process{Born: 5}, Birth{At: 5, By: 9}, same},
		{"an earlier event", Process{Born: 5}, Birth{At: 4, By: 4}, earlier},
		{"a later event", Process{Born: 5}, Birth{At: 6, By: 6}, later},
		{"a later event, and it is held", Process{Born: 5, opened: 9}, Birth{At: 6, By: 6, Held: true}, later},
		{"found, started after the birth", Process{found: true, Start: 7}, Birth{At: 6, By: 6}, earlier},
		{"found, started after the birth, and it is held", Process{found: true, Start: 7}, Birth{At: 6, By: 6, Held: true}, earlier},
		{"found, and it is held", Process{found: true, Start: 5}, Birth{At: 6, By: 6, Held: true}, same},
		{"found, and it is held, and nothing is known of it", Process{found: true}, Birth{At: 6, By: 6, Held: true}, same},
		{"found without a descriptor", Process{found: true, Start: 5, Life: Unopened}, Birth{At: 6, By: 6}, same},
		{"found, opened after the birth", Process{found: true, Start: 5, opened: 7, Life: Dead}, Birth{At: 6, By: 6}, same},
		{"found, opened before the birth, not held", Process{found: true, Start: 5, opened: 6, Life: Dead}, Birth{At: 6, By: 6}, later},
		{"not found, and held", Process{Start: 5, opened: 5}, Birth{At: 6, By: 6, Held: true}, later},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.compare(c.b); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// A process can't have forked before it was there.
func TestWasThere(t *testing.T) {
	for _, c := range []struct {
		p    Process
		b    Birth
		want bool
	}{
		{Process{Born: 5, Start: 4}, Birth{At: 5, By: 5}, true},
		{Process{Born: 5, Start: 4}, Birth{At: 4, By: 9}, false},
		{Process{Start: 4}, Birth{At: 1, By: 4}, true},
		{Process{Start: 5}, Birth{At: 9, By: 4}, false},
		{Process{}, Birth{At: 1, By: 1}, true},
	} {
		if got := c.p.wasThere(c.b); got != c.want {
			t.Errorf("%+v, %+v: got %v", c.p, c.b, got)
		}
	}
}

// What was found under a pid may be another process than the one whose birth was told.
func TestIsPassedBy(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Process
		l    Look
		want bool
	}{
		{"nothing can be read", Process{by: 5}, Look{}, false},
		{"it started before its birth was told", Process{by: 5}, Look{Known: true, Start: 5}, false},
		{"it started after that", Process{by: 5}, Look{Known: true, Start: 6}, true},
		{"its start is another one", Process{by: 5, Start: 4}, Look{Known: true, Start: 3}, true},
		{"its start is the one that is known", Process{by: 1, Start: 4}, Look{Known: true, Start: 4}, false},
		{"its inode is another one", Process{Inode: 1}, Look{Inode: 2}, true},
		{"its inode is the one that is known", Process{Inode: 2}, Look{Inode: 2}, false},
		{"its inode is not known", Process{Inode: 1}, Look{}, false},
		{"its inode was not known", Process{}, Look{Inode: 2}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.p.isPassedBy(c.l); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// What was found under a pid is the process that is sought, or is not.
func TestIsSought(t *testing.T) {
	known := func(l Look) Look { l.Known, l.Result = true, Opening; return l }
	for _, c := range []struct {
		name string
		p    Process
		l    Look
		want bool
	}{
		{"none is there", Process{reason: byRecord}, Look{Result: Gone}, false},
		{"a look: nothing can be read", Process{reason: byLook}, Look{Result: Opening}, false},
		{"a look: its parent is of the table", Process{reason: byLook}, known(Look{Parent: 7}), true},
		{"a look: its parent is not", Process{reason: byLook}, known(Look{}), false},
		{"a look: a zombie of ours", Process{reason: byLook}, known(Look{Parent: selfPID, Zombie: true}), true},
		{"a look: another's zombie", Process{reason: byLook}, known(Look{Parent: 7, Zombie: true}), false},
		{"a mark: it started then", Process{reason: byMark, Start: 5}, known(Look{Start: 5}), true},
		{"a mark: it started at another time", Process{reason: byMark, Start: 5}, known(Look{Start: 6}), false},
		{"a mark: a zombie", Process{reason: byMark, Start: 5}, known(Look{Start: 5, Zombie: true}), false},
		{"a mark: nothing can be read", Process{reason: byMark, Start: 5}, Look{Result: Opening}, false},
		{"the set: it started before", Process{reason: bySet, by: 5}, known(Look{Start: 5}), true},
		{"the set: it started later", Process{reason: bySet, by: 5}, known(Look{Start: 6}), false},
		{"the set: a zombie", Process{reason: bySet, by: 5}, known(Look{Start: 5, Zombie: true}), false},
		{"a record: the same start", Process{reason: byRecord, Start: 5}, known(Look{Start: 5}), true},
		{"a record: another start", Process{reason: byRecord, Start: 5}, known(Look{Start: 6}), false},
		{"a record: nothing can be read, the same inode", Process{reason: byRecord, Start: 5, Inode: 3}, Look{Result: Opening, Inode: 3}, true},
		{"a record: nothing can be read, another inode", Process{reason: byRecord, Start: 5, Inode: 3}, Look{Result: Opening, Inode: 4}, false},
		{"a record: the same start, another inode", Process{reason: byRecord, Start: 5, Inode: 3}, known(Look{Start: 5, Inode: 4}), false},
		{"a record: the same start, no inode", Process{reason: byRecord, Start: 5, Inode: 3}, known(Look{Start: 5}), true},
		{"a record of a pid alone", Process{reason: byRecord}, known(Look{Start: 5, Parent: selfPID}), false},
		{"a record without a start: the same inode", Process{reason: byRecord, Inode: 3}, known(Look{Start: 5, Inode: 3}), true},
		{"a record without a start: another inode", Process{reason: byRecord, Inode: 3}, known(Look{Start: 5, Inode: 4}), false},
		{"a zombie that waits: nothing can be read", Process{reason: byWait}, Look{Result: Opening, Dead: true}, true},
		{"a zombie that waits: it lives", Process{reason: byWait}, Look{Result: Opening}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := New(selfPID, Policy{}).isSought(&c.p, c.l); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Each life may follow only some others.
func TestLives(t *testing.T) {
	can := map[Life]string{
		Sought: "unopened alive dead drained buried ", Told: "unopened alive dead drained buried ", Unopened: "alive dead drained ",
		Alive: "unopened dead drained ", Dead: "drained ", Drained: "mute ended ", Mute: "ended ", Ended: "buried ", Buried: "",
	}
	for from := range lives {
		got := ""
		for to := range lives {
			if becomes(from, to) {
				got += to.String() + " "
			}
		}
		if got != can[from] {
			t.Errorf("%v becomes %v; want %v", from, got, can[from])
		}
		if p := (&Process{Life: from}); p.lives() != (from <= Alive) {
			t.Errorf("%v: lives %v", from, p.lives())
		}
	}
}

func becomes(from, to Life) (can bool) {
	defer func() { can = recover() == nil }()
	(&Process{Life: from}).to(to)
	return true
}

// The start of a process tells it from others with its pid.
func TestIsStarted(t *testing.T) {
	for _, c := range []struct {
		p     Process
		start time.Duration
		want  bool
	}{
		{Process{Start: 5, by: 9}, 5, true},
		{Process{Start: 5, by: 9}, 6, false},
		{Process{by: 5}, 5, true},
		{Process{by: 5}, 6, false},
		{Process{Life: Unopened}, 6, true},
		{Process{Life: Dead}, 6, false},
	} {
		if got := c.p.IsStarted(c.start); got != c.want {
			t.Errorf("%+v at %d: got %v", c.p, c.start, got)
		}
	}
}

// The program of a start is the process with its pid, inode and start, if these are known.
func TestIsStart(t *testing.T) {
	s := Start{PID: 3, Inode: 2, Start: 5}
	for name, c := range map[string]struct {
		p    Process
		want bool
	}{
		"nothing is known of it": {Process{}, true},
		"its birth was told":     {Process{by: 5, Life: Told}, true},
		"it was born before":     {Process{by: 4, Life: Told}, false},
		"the same inode":         {Process{Inode: 2, Start: 5}, true},
		"another inode":          {Process{Inode: 1, Start: 5}, false},
		"another start":          {Process{Inode: 2, Start: 4}, false},
		"it is of a service":     {Process{Unit: 1}, false},
		"it is a stranger":       {Process{Unit: Stranger}, false},
		"it has another parent":  {Process{parent: &Process{}}, false},
		"it is buried":           {Process{Life: Buried, Start: 5}, false},
	} {
		if got := c.p.isStart(s); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// Nothing is kept without end: what was not reaped is forgotten when there is very much of it.
func TestUnreapedIsBounded(t *testing.T) {
	table := New(selfPID, kernelSet.policy())
	for pid := range maxUnreaped {
		table.unreaped[10+pid] = true
	}
	if table.boundUnreaped(); len(table.unreaped) != maxUnreaped {
		t.Fatalf("%d are kept", len(table.unreaped))
	}
	table.unreaped[9] = true
	if table.boundUnreaped(); len(table.unreaped) != 0 {
		t.Errorf("%d are kept", len(table.unreaped))
	}
}

// A word for each value, none twice.
func TestWords(t *testing.T) {
	seen := map[string]bool{}
	for a := range asks {
		seen[fmt.Sprint("ask ", a)] = true
	}
	for l := range lives {
		seen[fmt.Sprint("life ", l)] = true
	}
	if len(seen) != int(asks)+int(lives) {
		t.Errorf("%d words: %v", len(seen), seen)
	}
}
