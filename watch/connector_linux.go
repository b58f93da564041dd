package watch

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/watch/service"
)

// Births come from the connector, or where there is none from a scan. The
// kernel queues a fork's event before the child runs. So once the queue was
// emptied, all children are known of whoever died before.

// connect dials the connector. Without it the children files are scanned.
func (s *Supervisor) connect() {
	conn, err := procconn.Dial()
	if err != nil {
		s.scanning(err)
		return
	}
	if err = conn.SetReadBuffer(readBuffer); err == nil {
		err = s.listen(conn)
	}
	if err != nil {
		s.scanning(errors.Join(err, conn.Close()))
	}
}

// readBuffer is asked for the connector's queue, in bytes: some thousand events
// can wait there.
const readBuffer = 1 << 20

func (s *Supervisor) listen(conn *procconn.Conn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var addErr error
	err = raw.Control(func(fd uintptr) {
		// Nothing to do when it is ready: each turn begins with catchUp.
		s.connSlot, addErr = s.loop.add(rankWake, int(fd), unix.EPOLLIN, func(uint32) {})
	})
	if err := errors.Join(err, addErr); err != nil {
		return err
	}
	s.conn = conn
	return nil
}

// scanning goes on without the connector.
func (s *Supervisor) scanning(why error) {
	if s.conn != nil {
		why = errors.Join(why, s.loop.remove(s.connSlot), s.conn.Close())
		s.conn = nil
	}
	s.reason = why.Error()
}

// catchUp learns of everything that was born until now. It comes first in
// each turn, before anybody's death is acted on. What had to wait for that is
// done then; where the queue could not be emptied, only what waited before.
func (s *Supervisor) catchUp() {
	ghosts, kills := len(s.ghosts), len(s.kills)
	err := s.drain()
	switch {
	case err != nil:
		for _, u := range s.units {
			u.log.Warn("the proc connector failed: going on by scanning", "error", err)
		}
		s.scanning(err)
		s.scan()
	case s.lost && s.emptied && !s.early.waiting():
		s.lost = false // before that, more is lost, or is not to be told from a start
		s.resyncs++
		s.scan()
	case s.conn == nil:
		s.scan()
	}
	if s.emptied {
		ghosts, kills = len(s.ghosts), len(s.kills)
	}
	s.buryGhosts(ghosts)
	s.signal(kills)
}

// drain reads the connector until it is empty, or until at least all was read
// that had been queued when it began: a storm must not hold up the turn.
func (s *Supervisor) drain() error {
	s.emptied = true
	if s.conn == nil {
		return nil
	}
	for range s.conn.Capacity() {
		ev, ok, err := s.conn.TryReceive()
		switch {
		case errors.Is(err, procconn.ErrOverflow):
			s.lost = true
		case err != nil:
			return err
		case !ok:
			return nil
		default:
			s.observe(ev)
		}
	}
	s.emptied = false
	return nil
}

// observe takes one event of the connector. Threads are not followed.
func (s *Supervisor) observe(ev procconn.Event) {
	if ev.IsThread() || s.early.hold(s, ev) {
		return
	}
	p := s.procs[ev.TGID]
	switch {
	case ev.Kind == procconn.Fork:
		s.forked(ev)
	case p == nil:
	case ev.Kind == procconn.Exec:
		if program := programOf(p.pid); program.File != "" { // it is not gone already
			s.tell(p.unit, service.Execed{PID: p.pid, Program: program})
		}
	case ev.Kind == procconn.Exit:
		p.exit = exitOf(ev.ExitCode) // of its first thread; its death is for the pidfd to tell
		if p.dead {
			s.bury(p, p.exit)
		}
	}
}

// forked takes a birth into the forest, if the parent is of it.
func (s *Supervisor) forked(ev procconn.Event) {
	if old := s.procs[ev.TGID]; old != nil {
		if ev.Time <= old.since {
			return // it is that very process, which a scan has found first
		}
		// Its pid was given away, so it is dead and reaped; its pidfd may even
		// have been opened too late, on the new one.
		s.bury(old, old.exit)
	}
	switch p := s.procs[ev.ParentTGID]; {
	case p != nil:
		s.adopt(p.unit, ev.ParentTGID, ev.TGID, ev.Time)
	case ev.ParentTGID == s.pid: // CLONE_PARENT by a root
		s.adopt(s.units[0], 0, ev.TGID, ev.Time)
	}
}

// monotonic is the clock of the connector's events (CLOCK_MONOTONIC).
func monotonic() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // every kernel has it
	}
	return time.Duration(t.Nano())
}
