package timer

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Timer is a [Queue] whose earliest deadline makes a file descriptor readable.
//
// The descriptor is a timerfd on CLOCK_MONOTONIC (fs/timerfd.c, include/uapi/linux/timerfd.h; Linux 2.6.25), so time
// that the machine spends suspended does not count. It becomes readable at the deadline or a little after it, never
// before; how little is the kernel's business (some 50 µs, a thread's timer slack).
//
// Make one with [New]. A Timer is not safe for concurrent use.
type Timer[K comparable] struct {
	queue Queue[K]
	fd    int
	armed bool      // the timerfd holds a deadline that has not been read off as expired
	at    time.Time // which
}

// New returns a Timer without deadlines. Its descriptor is non-blocking and closed on exec; release it with
// [Timer.Close]. The error wraps what timerfd_create(2) said, such as EMFILE or ENFILE.
func New[K comparable]() (*Timer[K], error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("timer: timerfd_create: %w", err)
	}
	return &Timer[K]{fd: fd}, nil
}

// FD returns the descriptor to poll for reading, or -1 after Close. Do not read it: [Timer.Expired] does.
func (t *Timer[K]) FD() int { return t.fd }

// Set gives key the deadline at, in place of any it had. A deadline in the past fires at once. The error wraps
// [os.ErrClosed] after Close; there is no other that a working kernel gives.
func (t *Timer[K]) Set(key K, at time.Time) error {
	t.queue.Set(key, at)
	return t.arm()
}

// Clear takes key's deadline away, if it has one. Errors are those of [Timer.Set].
func (t *Timer[K]) Clear(key K) error {
	t.queue.Clear(key)
	return t.arm()
}

// Expired calls due for each key whose deadline is not after now, the earliest first, and arms the descriptor for what
// remains. Call it when the descriptor is readable, with the current time; calling it at any other time does no harm.
//
// due may call Set and Clear. A deadline it sets is not handed out by the same call of Expired beyond as many keys as
// there were at its start, so a key that sets itself again for now cannot hold the caller for ever.
//
// Errors are those of [Timer.Set].
func (t *Timer[K]) Expired(now time.Time, due func(key K)) error {
	if err := t.drain(); err != nil {
		return err
	}
	for range t.queue.Len() {
		key, ok := t.queue.Pop(now)
		if !ok {
			break
		}
		due(key)
	}
	return t.arm()
}

// Close closes the descriptor, which also takes it out of every epoll set. Closing twice gives an error that wraps
// [os.ErrClosed].
func (t *Timer[K]) Close() error {
	if t.fd < 0 {
		return fmt.Errorf("timer: close: %w", os.ErrClosed)
	}
	err := unix.Close(t.fd)
	t.fd = -1
	return err
}

// drain reads the descriptor so that it is no longer readable, and notes it when the kernel's one shot is spent.
func (t *Timer[K]) drain() error {
	if t.fd < 0 {
		return fmt.Errorf("timer: %w", os.ErrClosed)
	}
	var expirations [8]byte
	switch _, err := unix.Read(t.fd, expirations[:]); {
	case err == nil:
		t.armed, t.at = false, time.Time{}
	case !errors.Is(err, unix.EAGAIN): // EAGAIN: it has not fired
		return fmt.Errorf("timer: read: %w", err)
	}
	return nil
}

// arm tells the kernel the earliest deadline, unless it knows it already.
func (t *Timer[K]) arm() error {
	if t.fd < 0 {
		return fmt.Errorf("timer: %w", os.ErrClosed)
	}
	next, ok := t.queue.Next()
	if ok == t.armed && next.Equal(t.at) {
		return nil
	}
	var spec unix.ItimerSpec // all zero: disarm
	if ok {
		// Relative to now, not absolute: a time.Time does not tell its monotonic reading. The kernel adds it to a clock
		// that has moved on since, so this is never early. Zero would disarm, and a negative value is EINVAL.
		spec.Value = unix.NsecToTimespec(max(1, int64(time.Until(next))))
	}
	if err := unix.TimerfdSettime(t.fd, 0, &spec, nil); err != nil {
		return fmt.Errorf("timer: timerfd_settime: %w", err)
	}
	t.armed, t.at = ok, next
	return nil
}
