package watch

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// modelConn is the connector of the model, with its filters.
type modelConn struct {
	m       *model
	number  int // the descriptor
	queue   []procconn.Event
	full    bool // nothing is queued until it was emptied
	told    bool // ENOBUFS was returned for that
	dropped uint32
	deaf    bool
	pass    []int     // of the classic filter; nil: there is none
	set     *modelSet // of the other one
}

func (m *model) dial() (connector, error) {
	m.enter("dial")
	if m.knobs.noDial {
		return nil, procconn.ErrUnavailable
	}
	if m.fails() {
		return nil, fmt.Errorf("dial: %w", unix.EMFILE)
	}
	m.queue = &modelConn{m: m}
	m.queue.number = m.open(m.queue)
	return m.queue, nil
}

// stamp gives an event its time; no two have the same. Before it is queued, those
// of other processors may be, and these be newer.
func (m *model) stamp() time.Duration {
	m.time += time.Microsecond
	return m.time
}

// bear goes on with a fork that is still to be told.
func (m *model) bear(t *task) {
	if t.stamp == 0 {
		t.stamp = m.stamp()
		return
	}
	m.tellBirth(t)
}

// tellBirth is the end of a fork: the event is queued, or lost; then the child
// may run.
func (m *model) tellBirth(t *task) {
	if t.stamp == 0 {
		t.stamp = m.stamp()
	}
	t.unborn = false
	m.note("born", t)
	i := slices.Index(m.births, t)
	m.births = slices.Delete(m.births, i, i+1)
	parent := t.parent.pid
	m.tell(procconn.Event{
		Kind: procconn.Fork, Time: t.stamp, PID: t.pid, TGID: t.pid, ParentPID: parent, ParentTGID: parent,
	})
}

func (m *model) tellExec(t *task) {
	m.tell(procconn.Event{Kind: procconn.Exec, Time: m.stamp(), PID: t.pid, TGID: t.pid})
}

func (m *model) tellExit(i int) {
	news := m.exits[i]
	m.exits = slices.Delete(m.exits, i, i+1)
	m.tell(procconn.Event{Kind: procconn.Exit, Time: m.stamp(), PID: news.pid, TGID: news.pid, ExitCode: uint32(news.status)})
}

// tellThread is the birth of a thread; its parent is that of its process.
func (m *model) tellThread(t *task) {
	parent := t.parent.pid
	m.tell(procconn.Event{
		Kind: procconn.Fork, Time: m.stamp(), PID: m.knobs.pids + t.pid, TGID: t.pid, ParentPID: parent, ParentTGID: parent,
	})
}

// tell queues an event, if the supervisor listens and a filter passes it.
func (m *model) tell(ev procconn.Event) {
	c := m.queue
	if c == nil || c.deaf || m.life.chaos && m.chance.IntN(1000) < m.knobs.loss {
		return // there was no memory for it, not even for the filter to see it
	}
	if m.life.chaos && m.chance.IntN(10000) < m.knobs.deaf {
		c.deaf = true
		return
	}
	switch {
	case !c.passes(ev):
	case c.full || len(c.queue) >= m.knobs.queue:
		c.told = c.told && c.full
		c.full = true
		c.dropped++
	default:
		c.queue = append(c.queue, ev)
	}
}

func (c *modelConn) passes(ev procconn.Event) bool {
	switch {
	case c.set != nil:
		return c.set.passes(ev)
	case c.pass == nil || len(c.pass) > procconn.FilterLimit:
		return true
	case ev.Kind == procconn.Fork && slices.Contains(c.pass, ev.ParentTGID):
		return true
	}
	return slices.Contains(c.pass, ev.TGID)
}

func (c *modelConn) poll() uint32 { return pollIn(len(c.queue) > 0 || c.full && !c.told) }

func (c *modelConn) fd() (int, error) { return c.number, nil }

func (c *modelConn) Capacity() int { return c.m.knobs.queue }

func (c *modelConn) SetReadBuffer(int) error { return nil }

func (c *modelConn) TryReceive() (ev procconn.Event, ok bool, err error) {
	c.m.enter("receive")
	if c.full && !c.told {
		c.told = true
		return ev, false, procconn.ErrOverflow
	}
	if len(c.queue) == 0 {
		c.full = false
		return ev, false, nil
	}
	ev, c.queue = c.queue[0], c.queue[1:]
	if len(c.queue) == 0 {
		c.full = false // told is: there is nothing more to tell
	}
	return ev, true, nil
}

func (c *modelConn) Probe(each func(procconn.Event)) error {
	c.m.enter("probe")
	if c.m.fails() {
		return fmt.Errorf("probe: %w", unix.ENOMEM)
	}
	for range 2 * c.m.knobs.queue {
		ev, ok, err := c.TryReceive()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		each(ev)
	}
	if c.deaf {
		return procconn.ErrDeaf
	}
	return nil
}

func (c *modelConn) Dropped() (uint32, error) { return c.dropped, nil }

func (c *modelConn) Filter(pids []int) error {
	c.m.enter("filter")
	if c.m.knobs.noFilter {
		return errors.New("no filters here")
	}
	if c.m.fails() {
		return unix.ENOMEM
	}
	slices.Sort(pids)
	c.pass, c.set = pids, nil
	return nil
}

func (c *modelConn) Unfilter() error {
	c.m.enter("unfilter")
	c.pass, c.set = nil, nil
	return nil
}

func (c *modelConn) track(size int) (kernelSet, error) {
	c.m.enter("track")
	if c.m.knobs.noBPF {
		return nil, procconn.ErrNoBPF
	}
	if c.m.fails() {
		return nil, unix.ENOMEM
	}
	c.pass, c.set = nil, &modelSet{m: c.m, births: map[int]procconn.Birth{}}
	return c.set, nil
}

func (c *modelConn) Close() error {
	c.m.enter("hang up")
	if c.m.queue == c {
		c.m.queue = nil
	}
	c.m.drop(c.number)
	return nil
}

// modelSet is the kernel's set of our descendants.
type modelSet struct {
	m      *model
	births map[int]procconn.Birth
	lost   uint64
}

// passes is the filter's program.
func (s *modelSet) passes(ev procconn.Event) bool {
	_, known := s.births[ev.TGID]
	if ev.IsThread() {
		return false
	}
	if ev.Kind != procconn.Fork {
		return known
	}
	if _, ours := s.births[ev.ParentTGID]; !ours {
		delete(s.births, ev.TGID)
		return known
	}
	if !known && (len(s.births) >= s.m.knobs.setSize || s.m.fails()) { // or there was no memory
		s.lost++
		return true
	}
	s.births[ev.TGID] = procconn.Birth{PID: ev.TGID, Parent: ev.ParentTGID, Time: ev.Time}
	return true
}

func (s *modelSet) Add(pid int) error {
	s.m.enter("add", pid)
	if _, in := s.births[pid]; in {
		return nil
	}
	switch {
	case len(s.births) >= s.m.knobs.setSize:
		return fmt.Errorf("add: %w", unix.E2BIG)
	case s.m.fails():
		return fmt.Errorf("add: %w", unix.ENOMEM)
	}
	s.births[pid] = procconn.Birth{PID: pid}
	return nil
}

func (s *modelSet) Forget(pid int, born time.Duration) error {
	s.m.enter("forget", pid, int(born))
	if b, in := s.births[pid]; in && b.Time == born {
		delete(s.births, pid)
	}
	return nil
}

func (s *modelSet) Birth(pid int) (procconn.Birth, bool, error) {
	s.m.enter("birth")
	b, in := s.births[pid]
	return b, in, nil
}

func (s *modelSet) Births() (all []procconn.Birth, err error) {
	s.m.enter("births")
	for _, b := range s.births {
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b procconn.Birth) int {
		if a.Time != b.Time {
			return int(a.Time - b.Time)
		}
		return a.PID - b.PID
	})
	return all, nil
}

func (s *modelSet) Lost() (uint64, error) { return s.lost, nil }

func (s *modelSet) Close() error { return nil }
