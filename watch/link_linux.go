package watch

import (
	"errors"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// link is a connection to the proc connector, in the loop.
type link struct {
	host  *Host
	conn  connector
	slot  *slot
	base  uint32 // events that were dropped before it was of use
	quiet bool   // its queue was empty when it was last read, and nothing was lost
}

// dial connects to the connector, unless a step above has done so.
func (s *Host) dial() (*link, error) {
	if s.ladder.conn != nil {
		return s.ladder.conn, nil
	}
	conn, err := s.kernel.dial()
	if err != nil {
		return nil, err
	}
	c := &link{host: s, conn: conn}
	err = conn.SetReadBuffer(readBuffer)
	fd, errFD := conn.fd()
	if err = errors.Join(err, errFD); err == nil {
		// There is nothing to do when it is ready: each turn reads it.
		c.slot, err = s.loop.add(rankWake, fd, unix.EPOLLIN, func(uint32) {})
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s.ladder.conn = c
	return c, nil
}

var dialConnector = procconn.Dial

// readBuffer is asked for the connector's queue, in bytes: some thousand events can wait
// there.
var readBuffer = 1 << 20

// read reads the connector until it is empty, or until at least all was read that had been
// queued when it began: a storm must not hold up the turn. unknown, if not nil, is called
// for each event about a process that the table does not have.
func (c *link) read(unknown func(procconn.Event)) (empty bool, err error) {
	c.quiet = true
	for range c.conn.Capacity() + 1 { // an overflow is told beside what is in the queue
		ev, ok, err := c.conn.TryReceive()
		switch {
		case errors.Is(err, procconn.ErrOverflow):
			c.quiet = false
			c.host.table.Lost()
		case err != nil:
			return false, err
		case !ok:
			return true, nil
		case !c.host.observe(ev) && unknown != nil:
			unknown(ev)
		}
	}
	c.quiet = false
	return false, nil
}

// discard empties the queue of what was there before the filter.
func (c *link) discard() error {
	for range c.conn.Capacity() {
		_, ok, err := c.conn.TryReceive()
		if err != nil && !errors.Is(err, procconn.ErrOverflow) {
			return err
		}
		if !ok && err == nil {
			break
		}
	}
	var err error
	c.base, err = c.conn.Dropped()
	return err
}

// droppedHere returns how many events this connection had no room for.
func (c *link) droppedHere(s *Host) uint32 {
	n, err := c.conn.Dropped()
	s.check(err)
	return n - c.base
}

func (c *link) close() error {
	return errors.Join(c.host.loop.remove(c.slot), c.conn.Close())
}
