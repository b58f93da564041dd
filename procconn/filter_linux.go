package procconn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Filter attaches a filter to the Conn for a fixed list of processes, in place of a filter that is there, with nothing
// lost in between. Unlike [Conn.Track] it needs no privileges, and no eBPF. From then on the Conn receives only, for
// processes and not for other threads:
//
//   - Fork, when the parent or the child is listed. (A listed child is a pid that was given away: its former owner is dead.)
//   - Exec, and Exit of the first thread, of those listed.
//   - Comm of our own process, for [Conn.Probe].
//
// Beyond [FilterLimit] processes the first two are received of every process on the machine.
//
// The list does not grow by itself: when a Fork is received, call Filter again with the child. What the child did before
// that was dropped, so then look for its own children in /proc/PID/task/*/children, and so on until there are no new ones.
// What was queued before the call is still there.
//
// The error is that of setsockopt(2), such as ENOMEM for a net.core.optmem_max that is lower than usual, or wraps
// [os.ErrClosed]. The filter stays as it was, then.
//
// The kernel side is SO_ATTACH_FILTER (net/core/filter.c, Linux 2.2).
func (c *Conn) Filter(pids []int) error {
	raw, err := bpf.Assemble(classicFilter(pids, os.Getpid()))
	if err != nil {
		return fmt.Errorf("procconn: filter: %w", err)
	}
	program := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		program[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return c.setFilter(func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
}

// Unfilter takes the filter of [Conn.Track] or [Conn.Filter] off the Conn, which again receives all events of the machine.
// If there is none, that is no error. The error is that of setsockopt(2), or wraps [os.ErrClosed].
//
// The kernel side is SO_DETACH_FILTER (net/core/filter.c, Linux 2.2).
func (c *Conn) Unfilter() error {
	return c.setFilter(func(fd int) error {
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0)
		if errors.Is(err, unix.ENOENT) {
			return nil
		}
		return err
	})
}

// setFilter calls set with the socket's descriptor.
func (c *Conn) setFilter(set func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("procconn: filter: %w", err)
	}
	var setErr error
	err = raw.Control(func(fd uintptr) { setErr = set(int(fd)) })
	err = errors.Join(err, setErr)
	switch {
	case c.closed.Load():
		return fmt.Errorf("procconn: filter: %w", os.ErrClosed)
	case err != nil:
		return fmt.Errorf("procconn: filter: %w", err)
	}
	return nil
}
