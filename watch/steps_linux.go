package watch

import (
	"respawner/watch/settle"
)

// socketFilter has the kernel pass what is about processes on a list. It is ours to keep
// up, and what a process does before it is on the list is not told.
type socketFilter struct {
	*link
	changed bool // the list names processes that are dead
}

func takeSocketFilter(s *Host) (step, error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	f := &socketFilter{link: c}
	if err := f.renew(); err != nil {
		return nil, err
	}
	return f, c.discard()
}

func (f *socketFilter) policy() settle.Policy { return settle.Policy{Told: true, Lists: true} }

func (f *socketFilter) read() (bool, error) {
	if f.changed {
		if err := f.renew(); err != nil {
			return false, err
		}
	}
	return f.link.read(nil)
}

// renew makes the list anew: all processes that are known, and us.
func (f *socketFilter) renew() error {
	f.changed = false
	pids := []int{f.host.pid}
	for _, p := range f.host.table.All() {
		pids = append(pids, p.PID)
	}
	return f.conn.Filter(pids)
}

func (f *socketFilter) list(ps []*settle.Process) ([]*settle.Process, error) { return ps, f.renew() }

func (f *socketFilter) forget(*settle.Process) error {
	f.changed = true
	return nil
}

func (*socketFilter) replay() error { return nil }

func (*socketFilter) close() error { return nil }

// events takes the connector's events of the whole machine.
type events struct{ *link }

func takeEvents(s *Host) (step, error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	if err := c.conn.Unfilter(); err != nil {
		return nil, err
	}
	return events{c}, c.discard()
}

func (events) policy() settle.Policy { return settle.Policy{Told: true, Exact: true} }

func (e events) read() (bool, error) { return e.link.read(nil) }

func (events) list([]*settle.Process) ([]*settle.Process, error) { return nil, nil }

func (events) forget(*settle.Process) error { return nil }

func (events) replay() error { return nil }

func (events) close() error { return nil }

// scan has the children files be read in each turn.
type scan struct{ host *Host }

func takeScan(s *Host) (step, error) {
	s.hangUp()
	return scan{s}, s.canScan()
}

func (scan) policy() settle.Policy { return settle.Policy{} }

func (scan) read() (bool, error) { return true, nil }

func (scan) list([]*settle.Process) ([]*settle.Process, error) { return nil, nil }

func (scan) forget(*settle.Process) error { return nil }

func (scan) replay() error { return nil }

func (scan) close() error { return nil }

// takePidfile is the last step: it reads what scan does, but only when a process has died or
// is to be ended.
func takePidfile(s *Host) (step, error) {
	s.hangUp()
	return scan{s}, nil
}
