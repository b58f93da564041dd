package watch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/watch/settle"
)

// kernelTracked has the kernel keep which processes descend from us: it adds each child as it is born,
// whatever becomes of the event. We take out the dead.
type kernelTracked struct {
	*link
	set     kernelSet
	filled  bool                              // what was known at first was put there
	unknown uint64                            // how many births it had no room for, and were looked for after a loss
	added   map[*settle.Process]time.Duration // those that we have put there, with the time by which it had them then
}

// setSize is how many processes the kernel's set has room for.
var setSize = procconn.SetSize

// takeKernelSet attaches the filter that keeps the set, and puts us into it.
func takeKernelSet(s *Host) (step, error) {
	c, err := s.dial()
	if err != nil {
		return nil, err
	}
	set, err := c.conn.track(setSize)
	if err != nil {
		return nil, err
	}
	k := &kernelTracked{link: c, set: set, added: map[*settle.Process]time.Duration{}}
	if err = errors.Join(c.discard(), set.Add(s.pid)); err != nil {
		return nil, errors.Join(err, set.Close())
	}
	return k, nil
}

func (*kernelTracked) policy() settle.Policy {
	return settle.Policy{Told: true, Lists: true, Replays: true, Exact: true}
}

func (k *kernelTracked) read() (bool, error) {
	return k.link.read(k.overheard)
}

// overheard is called for an event about a process that is not known. If it is in the set,
// its birth was not told.
func (k *kernelTracked) overheard(ev procconn.Event) {
	_, in, err := k.set.Birth(ev.TGID)
	k.host.check(err)
	if in {
		k.host.table.Lost()
	}
}

// list puts processes into the set that their birth did not put there: they were found, or
// the set was full, or the kernel had no memory at hand. It counts such births when they happen, and tells
// of them later: so if there was one ever, each process is made sure of.
func (k *kernelTracked) list(ps []*settle.Process) (fresh []*settle.Process, err error) {
	n, err := k.set.Lost()
	if err != nil {
		return nil, err
	}
	complete := k.filled && n == 0
	k.filled = true
	for _, p := range ps {
		if p.Born != 0 && complete { // the kernel has put it there
			continue
		}
		missing, err := k.makeSure(p)
		if err != nil {
			return nil, err
		}
		if missing {
			fresh = append(fresh, p)
		}
	}
	return fresh, nil
}

// makeSure has a process be in the set, if it lives; it reports whether it was not there, so that its children
// may not be either.
func (k *kernelTracked) makeSure(p *settle.Process) (missing bool, err error) {
	if p.Life <= settle.Alive {
		return k.add(p)
	}
	b, _, err := k.set.Birth(p.PID)
	return p.Born == 0 || b.Time != p.Born, err
}

// add puts a process into the set; it reports whether it was not there.
func (k *kernelTracked) add(p *settle.Process) (added bool, err error) {
	err = k.set.Add(p.PID)
	if errors.Is(err, unix.E2BIG) {
		if err = k.makeRoom(); err == nil {
			err = k.set.Add(p.PID)
		}
	}
	if errors.Is(err, unix.E2BIG) {
		k.host.ladder.best = TrackSocketFilter
		return false, fmt.Errorf("the kernel's set of processes is full (%d): %w", setSize, err)
	}
	if err != nil {
		return false, err
	}
	b, _, err := k.set.Birth(p.PID)
	k.added[p] = b.Time
	return b.Time == 0, err
}

// makeRoom takes the dead out of the set that nothing has told of.
func (k *kernelTracked) makeRoom() error {
	births, err := k.set.Births()
	for _, b := range births {
		if err == nil && k.host.isGone(b.PID) {
			err = k.set.Forget(b.PID, b.Time)
		}
	}
	return err
}

func (k *kernelTracked) forget(p *settle.Process) error {
	next := k.host.table.Process(p.PID)
	var err error
	for _, at := range k.times(p) {
		if next == nil || next == p || !slices.Contains(k.times(next), at) {
			err = errors.Join(err, k.set.Forget(p.PID, at))
		}
	}
	delete(k.added, p)
	if p.Born != 0 || next != nil && next != p || err != nil {
		return err
	}
	b, in, err := k.set.Birth(p.PID)              // its birth was not told, but the set may have it all the same
	if err == nil && in && k.host.isGone(p.PID) { // in this order: another process may get the pid
		err = k.set.Forget(p.PID, b.Time)
	}
	return err
}

// times returns the times by which the set may have a process: of its birth's event, and by which
// we have put it there before that.
func (k *kernelTracked) times(p *settle.Process) (at []time.Duration) {
	if p.Born != 0 {
		at = append(at, p.Born)
	}
	if added, is := k.added[p]; is && (added != p.Born || p.Born == 0) {
		at = append(at, added)
	}
	return at
}

// replay hands over the births in the set, in their order.
func (k *kernelTracked) replay() error {
	births, err := k.set.Births()
	for _, b := range births {
		switch {
		case b.PID == k.host.pid || b.Time == 0: // put there by us
		default:
			k.host.born(b, true)
		}
	}
	n, errLost := k.set.Lost()
	if n != k.unknown { // those may have been told of in what was lost
		k.unknown = n
		k.host.table.Missed()
	}
	return errors.Join(err, errLost)
}

func (k *kernelTracked) close() error { return k.set.Close() }
