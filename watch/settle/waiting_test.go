package settle

import (
	"testing"

	"respawner/watch/service"
)

// dead returns a process of service 1 of which it is known how it ended.
func dead(table *Table, pid int) *Process {
	p := &Process{PID: pid, FD: -1, Unit: 1, Life: Ended, told: true, searched: true, exit: service.Exit{Known: true}}
	table.byPID[pid] = p
	table.dead = append(table.dead, p)
	return p
}

// A death waits for the birth, for an adoption, for what is lost, and for a child of ours that may be the
// heir; else it is told.
func TestDeathWaits(t *testing.T) {
	for name, c := range map[string]struct {
		make func(*Table, *Process)
		told bool
	}{
		"nothing":                      {func(*Table, *Process) {}, true},
		"the birth":                    {func(_ *Table, p *Process) { p.told = false }, false},
		"the adoption":                 {func(table *Table, _ *Process) { table.adopting[1] = &adoption{} }, false},
		"an adoption of another one":   {func(table *Table, _ *Process) { table.adopting[2] = &adoption{} }, true},
		"what is lost":                 {func(table *Table, _ *Process) { table.loss.is = true }, false},
		"a start":                      {func(_ *Table, p *Process) { p.parked = true }, false},
		"an heir that is not told yet": {func(table *Table, _ *Process) { table.untold = []*Process{{PID: 9, Life: Alive}} }, false},
		"an heir that waits itself":    {func(table *Table, _ *Process) { table.untold = []*Process{{PID: 9, Life: Alive, parked: true}} }, true},
		"a look":                       {func(table *Table, _ *Process) { table.look.us = true }, false},
		"a child that has ended":       {func(_ *Table, p *Process) { (&Process{Life: Drained, told: true}).hang(p) }, false},
		"a child that a tracer holds":  {func(_ *Table, p *Process) { (&Process{Life: Drained, told: true, held: true}).hang(p) }, true},
		"a child that is not opened":   {func(_ *Table, p *Process) { (&Process{Life: Told}).hang(p) }, false},
		"a child that lives":           {func(_ *Table, p *Process) { (&Process{Life: Alive, told: true, checked: true}).hang(p) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(selfPID, allEvents.policy())
			p := dead(table, 4)
			c.make(table, p)
			table.settleDeath(p)
			if told := len(table.Settled()) > 0; told != c.told || told != (p.Life == Buried) {
				t.Errorf("told %v, %v", told, p)
			}
		})
	}
}

// A birth waits for that of the parent, and for the death of the process that had the pid before.
func TestBirthWaits(t *testing.T) {
	old := &Process{PID: 4, Unit: 1, Life: Ended}
	for name, c := range map[string]struct {
		p    Process
		told bool
	}{
		"nothing":                          {Process{Unit: 1, Life: Alive}, true},
		"its service":                      {Process{Life: Alive}, false},
		"its pidfd":                        {Process{Unit: 1, Life: Told}, false},
		"its parent":                       {Process{Unit: 1, Life: Alive, parent: &Process{Unit: 1}}, false},
		"the one before":                   {Process{PID: 4, Unit: 1, Life: Alive, former: old}, false},
		"the one before that":              {Process{PID: 4, Unit: 1, Life: Alive, former: &Process{PID: 4, Unit: 2, Life: Dead, former: old}}, false},
		"one before of another service":    {Process{PID: 4, Unit: 2, Life: Alive, former: old}, true},
		"one before that is buried":        {Process{PID: 4, Unit: 1, Life: Alive, former: &Process{PID: 4, Unit: 1, Life: Buried}}, true},
		"one with its pid that is lost":    {Process{PID: 7, Unit: 1, Life: Alive}, false},
		"one that was lost, of another id": {Process{PID: 8, Unit: 1, Life: Alive}, true},
	} {
		t.Run(name, func(t *testing.T) {
			table := New(selfPID, allEvents.policy())
			table.adopting[1] = &adoption{lost: []*Process{{PID: 7}}}
			if told := table.tellBirth(&c.p); told != c.told || told != (len(table.Settled()) > 0) {
				t.Errorf("told %v", told)
			}
		})
	}
}
