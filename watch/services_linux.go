package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// Services come and go while the host runs. What other goroutines ask for is done on the loop.

// What a service is not added or removed with.
var (
	ErrEnded   = errors.New("the supervisor has ended, or is about to")
	ErrExists  = errors.New("there is a service of that name")
	ErrUnknown = errors.New("there is no service of that name")
)

// mailbox is what other goroutines ask of the loop.
type mailbox struct {
	over chan struct{} // closed when the loop turns no more

	mu   sync.Mutex
	asks []func()
	wake func() // nil before the loop turns, and after that
	done bool   // nothing that is asked is done any more
}

// open has the loop be woken for what is asked, and for what was asked before.
func (m *mailbox) open(wake func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wake = wake
	wake()
}

// post has something be done on the loop. It never blocks.
func (m *mailbox) post(do func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		return
	}
	if m.asks = append(m.asks, do); m.wake != nil {
		m.wake()
	}
}

// take does what was asked.
func (m *mailbox) take() {
	m.mu.Lock()
	asks := m.asks
	m.asks = nil
	m.mu.Unlock()
	for _, do := range asks {
		do()
	}
}

// shut is called before what wakes the loop is given back.
func (m *mailbox) shut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asks, m.wake, m.done = nil, nil, true
}

// Add has one more service supervised, and starts it. It returns when its control socket is
// answered, or with an error: ErrExists, ErrEnded, or what could not be had. Before Run it waits
// for that. It is safe for concurrent use.
func (s *Host) Add(c Config) error {
	answer := make(chan error, 1)
	s.mail.post(func() { answer <- s.add(c) })
	err := ErrEnded
	select {
	case err = <-answer:
	case <-s.mail.over:
		select {
		case err = <-answer:
		default:
			err = errors.Join(err, c.abandon())
		}
	}
	if err != nil {
		err = fmt.Errorf("add %s: %w", c.Spec.Name, err)
	}
	return err
}

func (s *Host) add(c Config) error {
	if s.ending {
		return errors.Join(ErrEnded, c.abandon())
	}
	u, err := s.addUnit(c)
	if err == nil {
		s.begin(u)
	}
	return err
}

// abandon closes what a service that can't be begun would close in its end.
func (c *Config) abandon() (err error) {
	if c.Control >= 0 {
		err = unix.Close(c.Control)
	}
	if c.History != nil {
		err = errors.Join(err, c.History.Close())
	}
	return err
}

// Remove ends a service, if it has not ended, and returns when nothing is left of it: neither a
// process nor a descriptor, and what is to be written down is written. The error is ErrUnknown, ErrEnded,
// or that of ctx, which bounds the wait alone: the service is ended all the same. It is safe for
// concurrent use.
func (s *Host) Remove(ctx context.Context, name string) (Result, error) {
	answer := make(chan Result, 1)
	unknown := make(chan struct{})
	s.mail.post(func() {
		if !s.remove(name, func(r Result) { answer <- r }) {
			close(unknown)
		}
	})
	err := ErrEnded
	select {
	case r := <-answer:
		return r, nil
	case <-unknown:
		err = ErrUnknown
	case <-ctx.Done():
		err = ctx.Err()
	case <-s.mail.over:
		select {
		case r := <-answer:
			return r, nil
		default:
		}
	}
	return Result{}, fmt.Errorf("remove %s: %w", name, err)
}

// remove reports whether there is a service of that name; gone is called when it is removed.
func (s *Host) remove(name string, gone func(Result)) bool {
	u := s.find(name)
	if u == nil {
		return false
	}
	if u.leaving = append(u.leaving, gone); u.outcome == nil {
		s.tell(u, service.Stop{})
	}
	return true
}

// dismissEnded removes the services that are to be removed and have ended.
func (s *Host) dismissEnded() {
	for _, u := range slices.Clone(s.units) {
		if len(u.leaving) > 0 && u.isOver() {
			u.result = s.result(u)
			s.dismiss(u)
		}
	}
}

// dismiss has nothing be left of a service that has ended, or could not be begun.
func (s *Host) dismiss(u *unit) {
	s.units = slices.DeleteFunc(s.units, func(v *unit) bool { return v == u })
	s.kills = slices.DeleteFunc(s.kills, func(k kill) bool { return k.u == u })
	s.mixed = true
	s.table.Forget(u.id)
	for t := service.TimerSettle; t <= service.TimerStuck; t++ {
		s.check(s.timers.Clear(deadline{unit: u, timer: t}))
	}
	s.check(errors.Join(s.timers.Clear(deadline{unit: u, quote: true}), s.timers.Clear(deadline{record: u})))
	s.closeServer(u)
	s.endKeeper(u)
	u.closing++
	s.endOutput(u)
	s.closeFiles(u)
	u.closed()
}

// endOutput has all be written that the program has written.
func (s *Host) endOutput(u *unit) {
	if o := u.output; o != nil {
		s.check(s.loop.remove(o.slot))
		o.end()
		s.letGo(u, &lane{crew: &s.errands.outputs}, o.await)
	}
}

// closeFiles closes what only errands use, when they have done what they were handed over before: a close
// may block too.
func (s *Host) closeFiles(u *unit) {
	if j := &u.journal; j.file != nil {
		file, lines := j.file, j.lines
		j.lines = nil
		s.letGo(u, &j.lane, func() (err error) {
			if len(lines) > 0 {
				err = file.Append(lines)
			}
			return errors.Join(err, file.Close())
		})
	}
	if p := u.pidfile; p != nil {
		s.check(s.loop.remove(p.slot))
		s.letGo(u, &p.lane, p.close)
	}
	if r := &u.recorder; r.file != nil {
		s.letGo(u, &r.lane, func() error { return nil })
	}
}

// letGo has something of a service be closed, off the loop.
func (s *Host) letGo(u *unit, l *lane, do func() error) {
	u.closing++
	s.errands.finish(l, func() func() {
		err := do()
		return func() {
			s.check(err)
			u.closed()
		}
	})
}

// closed is called for each thing of a service that is closed.
func (u *unit) closed() {
	if u.closing--; u.closing > 0 {
		return
	}
	for _, gone := range u.leaving {
		gone(u.result)
	}
}
