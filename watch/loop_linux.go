package watch

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// rank orders the rooms within a turn. It matters: a daemon's fork must be
// known before the death of its starter is acted on.
type rank int

const (
	rankWake    rank = iota // what was spawned
	rankPidfd               // which processes have changed
	rankTimer               // what is due
	rankSignal              // what we are asked by signals
	rankPidfile             // what the daemon says of itself
	rankControl             // what clients ask
)

// loop is one epoll set. Rooms put descriptors in; turn calls them when
// they are ready, in rank order.
type loop struct {
	kernel kernel
	fd     int
	next   uint64
	slots  map[uint64]*slot
	events [crowd]unix.EpollEvent // of one turn: a place of its own would be garbage with each
}

// slot is a descriptor in the loop. Its key is never used twice, so an event
// for one that was taken out in the same turn finds no slot.
type slot struct {
	key   uint64
	rank  rank
	fd    int
	ready func(events uint32)
}

func newLoop(k kernel) (*loop, error) {
	fd, err := k.newEpoll()
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	return &loop{kernel: k, fd: fd, slots: map[uint64]*slot{}}, nil
}

// pidfdEvents has each change of a process be told, once: its end, that it came to us, that its
// tracer has let it go (do_notify_parent wakes those that wait for its pidfd, Linux 5.3), and
// that it was reaped (Linux 6.13).
const pidfdEvents = unix.EPOLLIN | unix.EPOLLET

// add calls ready whenever one of events (EPOLLIN, EPOLLOUT) is there for fd.
func (l *loop) add(r rank, fd int, events uint32, ready func(events uint32)) (*slot, error) {
	l.next++
	s := &slot{l.next, r, fd, ready}
	if err := l.ctl(unix.EPOLL_CTL_ADD, s, events); err != nil {
		return nil, err
	}
	l.slots[s.key] = s
	return s, nil
}

// change waits for other events.
func (l *loop) change(s *slot, events uint32) error {
	return l.ctl(unix.EPOLL_CTL_MOD, s, events)
}

// remove takes a descriptor out, if it is there (nil: it is not); the caller closes it
// afterwards.
func (l *loop) remove(s *slot) error {
	if s == nil {
		return nil
	}
	delete(l.slots, s.key)
	return l.ctl(unix.EPOLL_CTL_DEL, s, 0)
}

func (l *loop) ctl(op int, s *slot, events uint32) error {
	ev := unix.EpollEvent{Events: events, Fd: int32(uint32(s.key)), Pad: int32(uint32(s.key >> 32))}
	if err := l.kernel.epollCtl(l.fd, op, s.fd, &ev); err != nil {
		return fmt.Errorf("epoll_ctl of descriptor %d: %w", s.fd, err)
	}
	return nil
}

// crowd is how many are served in one turn at most: between turns births are
// caught up with, which costs more when processes die by the thousand.
const crowd = 512

// wait waits until something is ready, and returns it in the order of its rank.
func (l *loop) wait() ([]unix.EpollEvent, error) {
	n, err := l.kernel.epollWait(l.fd, l.events[:])
	if errors.Is(err, unix.EINTR) {
		return nil, nil
	}
	if err != nil {
		return nil, os.NewSyscallError("epoll_wait", err)
	}
	ready := l.events[:n]
	slices.SortStableFunc(ready, func(a, b unix.EpollEvent) int { return int(l.rankOf(a)) - int(l.rankOf(b)) })
	return ready, nil
}

// serve calls those that are ready, of the ranks from first to last.
func (l *loop) serve(ready []unix.EpollEvent, first, last rank) {
	for _, ev := range ready {
		if s := l.slots[keyOf(ev)]; s != nil && first <= s.rank && s.rank <= last {
			s.ready(ev.Events)
		}
	}
}

func keyOf(ev unix.EpollEvent) uint64 { return uint64(uint32(ev.Pad))<<32 | uint64(uint32(ev.Fd)) }

func (l *loop) rankOf(ev unix.EpollEvent) rank {
	if s := l.slots[keyOf(ev)]; s != nil {
		return s.rank
	}
	return rankControl
}

func (l *loop) close() error { return l.kernel.closeFD(l.fd) }

func (linux) newEpoll() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) }

func (linux) epollCtl(epfd, op, fd int, ev *unix.EpollEvent) error {
	return unix.EpollCtl(epfd, op, fd, ev)
}

func (linux) epollWait(epfd int, events []unix.EpollEvent) (int, error) {
	return unix.EpollWait(epfd, events, -1)
}
