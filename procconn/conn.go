package procconn

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"syscall"
)

var (
	// ErrUnavailable is wrapped by the error of [Dial] and [New] when the kernel offers us no process events. The text
	// says why; asking again helps only after that has changed.
	ErrUnavailable = errors.New("procconn: process events are not available")
	// ErrDeaf is returned by [Conn.Probe], and wrapped by the error of [Dial] and [New], when the kernel has granted us
	// events and then sends none. A new Dial may help, since its LISTEN is counted anew.
	ErrDeaf = errors.New("procconn: deaf: an event of our own did not arrive")
	// ErrOverflow is returned when the kernel has dropped events because the receive buffer was full (ENOBUFS). The Conn
	// stays usable, but the kernel goes on dropping until the buffer has been emptied once: call [Conn.TryReceive] until
	// ok=false, then find out by other means what happened meanwhile.
	ErrOverflow = errors.New("procconn: the kernel dropped events")

	errEmpty = errors.New("procconn: no event is queued")
)

// tries is how often we ask the kernel for something whose answer may have been dropped by an overflow. Each try empties
// the buffer, so it takes a storm of events right after that for another to be of use.
const tries = 4

// Socket is what a [Conn] needs of its socket: the seam between what is the same for every socket and the one of [Dial],
// or the fake one of package procconntest. One goroutine at a time uses it, but for Close, which may come at any time.
type Socket interface {
	// Send sends the kernel a connector message: struct cn_msg and what follows, without a netlink header.
	Send(msg []byte) error
	// Receive reads one frame from the kernel into buf and returns its length, cut to that of buf; 0 for a frame that is
	// not the kernel's. If none is queued it waits for one, or without wait fails with EAGAIN. It fails with ENOBUFS,
	// once, when the kernel has dropped frames.
	Receive(buf []byte, wait bool) (n int, err error)
	// Rename gives the calling thread another name, of at most 15 bytes, and its own again, so that the kernel tells a Comm
	// event of each.
	Rename(name string) error
	// ReadBuffer returns how many bytes the queued frames may take, by the kernel's way of counting.
	ReadBuffer() (bytes int, err error)
	// SetReadBuffer changes that, to about twice the number given.
	SetReadBuffer(bytes int) error
	SyscallConn() (syscall.RawConn, error)
	// Close ends a Receive that waits.
	Close() error
}

// Conn is a connection to the process events connector. Make one with [Dial].
//
// A Conn is for one goroutine at a time; Close alone may be called from any.
type Conn struct {
	socket   Socket
	capacity int
	skipped  uint64
	closed   atomic.Bool
	message  message // the last one read
	buf      [256]byte
}

// New returns a Conn on socket, which has joined the multicast group of the process events. It does everything that [Dial]
// does once the socket is there, and has the same errors. Use Dial; New is for sockets of another making, such as a fake.
// The Conn owns socket: New closes it when it fails.
func New(socket Socket) (*Conn, error) {
	c := &Conn{socket: socket}
	if err := c.start(); err != nil {
		_ = socket.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) start() error {
	if err := c.measure(); err != nil {
		return err
	}
	if err := c.listen(); err != nil {
		return err
	}
	err := ErrOverflow
	for i := 0; i < tries && errors.Is(err, ErrOverflow); i++ {
		err = c.Probe(func(Event) {}) // events from before New returns were never promised
	}
	return err
}

// listen asks the kernel for events and makes sure that it has agreed.
func (c *Conn) listen() error {
	for range tries {
		cookie := rand.Uint32()
		if err := c.socket.Send(listenMessage(cookie)); err != nil {
			return dialError(err)
		}
		acked, err := c.seek(func(m *message) bool { return m.Kind == kindNone && m.ack == cookie+1 })
		switch {
		case errors.Is(err, ErrOverflow): // the acknowledgement may be among what was dropped
		case err != nil:
			return err
		case acked && c.message.errno != 0:
			return dialError(syscall.Errno(c.message.errno))
		case acked:
			return nil
		}
	}
	return fmt.Errorf("%w: LISTEN was not acknowledged: not in the first pid and user namespace, or no CAP_NET_ADMIN "+
		"before Linux 6.6, or a kernel without CONFIG_PROC_EVENTS", ErrUnavailable)
}

// Probe finds out whether events still arrive: it makes the kernel tell one, by renaming the calling thread for an
// instant, and looks for it in the queue, where it must be at once.
//
// Events that were queued before it are taken out and given to each, in order, as TryReceive would have done. The
// probe's own event is not. That the thread then takes its old name again is an ordinary Comm event, as yet in the queue.
//
// The error is [ErrDeaf] when the event did not come; [ErrOverflow] when the kernel has dropped events, which must be
// dealt with before a probe can tell anything; and otherwise as that of [Conn.TryReceive].
func (c *Conn) Probe(each func(Event)) error {
	for range tries {
		name := fmt.Sprintf("probe-%08x", rand.Uint32())
		if err := c.socket.Rename(name); err != nil {
			return fmt.Errorf("procconn: probe: %w", err)
		}
		heard, err := c.seek(func(m *message) bool {
			if m.Kind == Comm && m.Name() == name {
				return true
			}
			if m.Kind != kindNone {
				each(m.Event)
			}
			return false
		})
		if heard || err != nil {
			return err
		}
	}
	return ErrDeaf
}

// seek reads messages until found accepts one, which it leaves in c.message, or until everything has been read that
// was queued when it began.
func (c *Conn) seek(found func(*message) bool) (bool, error) {
	for range c.capacity {
		switch err := c.read(false); {
		case errors.Is(err, errEmpty):
			return false, nil
		case err != nil:
			return false, err
		case found(&c.message):
			return true, nil
		}
	}
	return false, nil
}

// TryReceive returns the next event if one is queued; it never waits. ok is false when none is.
//
// The error is [ErrOverflow] when the kernel has dropped events, and wraps [os.ErrClosed] after Close. Frames that tell no
// event are passed over; see [Conn.Skipped].
func (c *Conn) TryReceive() (ev Event, ok bool, err error) {
	err = c.readEvent(false)
	if errors.Is(err, errEmpty) {
		return Event{}, false, nil
	}
	if err != nil {
		return Event{}, false, err
	}
	return c.message.Event, true, nil
}

// Receive waits for the next event and returns it. Close ends the wait. Errors are those of [Conn.TryReceive].
func (c *Conn) Receive() (Event, error) {
	if err := c.readEvent(true); err != nil {
		return Event{}, err
	}
	return c.message.Event, nil
}

// readEvent is read without the acknowledgements, ours and others'.
func (c *Conn) readEvent(wait bool) error {
	for {
		if err := c.read(wait); err != nil || c.message.Kind != kindNone {
			return err
		}
	}
}

// read sets c.message to the next message, or without wait fails with errEmpty when none is queued.
func (c *Conn) read(wait bool) error {
	for {
		n, err := c.socket.Receive(c.buf[:], wait)
		switch {
		case err == nil && c.message.parse(c.buf[:n]) == nil:
			return nil
		case err == nil:
			c.skipped++
		case errors.Is(err, syscall.EAGAIN):
			return errEmpty
		case errors.Is(err, syscall.ENOBUFS):
			return ErrOverflow
		case c.closed.Load():
			return fmt.Errorf("procconn: receive: %w", os.ErrClosed)
		default:
			return fmt.Errorf("procconn: receive: %w", err)
		}
	}
}

// Skipped returns how many frames were passed over so far because [Decode] could make nothing of them or because it was
// not the kernel that sent them. With a kernel that this package knows it stays 0.
func (c *Conn) Skipped() uint64 { return c.skipped }

// Capacity returns the number of events that the receive buffer can hold at most: a caller of TryReceive that has called it that often
// has seen all that were queued before. It is generous, since what an event costs differs between kernels: about twice
// the number after which the kernel drops events.
func (c *Conn) Capacity() int { return c.capacity }

// SetReadBuffer sets the size of the receive buffer to about twice the given number of bytes (the kernel doubles it for its
// own needs), beyond net.core.rmem_max if we have CAP_NET_ADMIN (SO_RCVBUFFORCE) and else up to it (SO_RCVBUF, socket(7)).
// A queued event takes some 830 of those bytes. Nothing is allocated before it is needed. The error wraps what
// setsockopt(2) said; a number out of range is not an error, but brought into it.
func (c *Conn) SetReadBuffer(bytes int) error {
	if err := c.socket.SetReadBuffer(bytes); err != nil {
		return fmt.Errorf("procconn: %w", err)
	}
	return c.measure()
}

// measure finds out the capacity.
func (c *Conn) measure() error {
	// What a frame of 76 bytes and its book-keeping (struct sk_buff, skb_shared_info) take is never less than this.
	const leastCost = 512
	bytes, err := c.socket.ReadBuffer()
	if err != nil {
		return fmt.Errorf("procconn: %w", err)
	}
	c.capacity = bytes/leastCost + 1 // the kernel always takes one, older ones also one that crosses the line
	return nil
}

// SyscallConn returns the descriptor's [syscall.RawConn], for an epoll set or a socket filter. The descriptor is
// non-blocking and closed on exec. Only the Conn may read from it.
func (c *Conn) SyscallConn() (syscall.RawConn, error) { return c.socket.SyscallConn() }

// Close closes the socket. A Receive that waits returns at once. Closing twice gives an error that wraps [os.ErrClosed].
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return fmt.Errorf("procconn: close: %w", os.ErrClosed)
	}
	return c.socket.Close()
}

// dialError explains an error of Dial, where it means that the connector is not for us.
func dialError(err error) error {
	var why string
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		why = "only the first network namespace has the connector"
	case errors.Is(err, syscall.EPERM):
		why = "CAP_NET_ADMIN is needed before Linux 6.6"
	case errors.Is(err, syscall.EPROTONOSUPPORT), errors.Is(err, syscall.EAFNOSUPPORT):
		why = "a kernel without CONFIG_CONNECTOR, or a sandbox that hides it"
	default:
		return fmt.Errorf("procconn: dial: %w", err)
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, why, err)
}
