package watch

import (
	"errors"
	"math"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stream reads a pipe, and knows which of its bytes were written before a start
// of the program: those that were in it then. The loop marks starts while the
// output's goroutine reads.
type stream struct {
	pipe *os.File
	conn syscall.RawConn

	mu     sync.Mutex // never held while anything is waited for
	total  int64      // bytes that were read
	starts []startAt  // of which the output has not been read yet
	last   time.Time  // of the start of which it is read now
}

// startAt is where the output of a start begins: all before it is older.
type startAt struct {
	pos int64
	at  time.Time
}

// maxStarts bounds the starts that wait for a sink that takes nothing.
const maxStarts = 64

func newStream(pipe *os.File, begun int) (*stream, error) {
	conn, err := pipe.SyscallConn()
	return &stream{pipe: pipe, conn: conn, total: int64(begun)}, err
}

// read waits until there is something to read, or until the deadline of the pipe.
func (s *stream) read(buf []byte) (n int, err error) {
	e := s.conn.Read(func(fd uintptr) bool {
		n, err = s.readNow(int(fd), buf)
		return !errors.Is(err, unix.EAGAIN)
	})
	return n, errors.Join(e, err)
}

// readAtOnce returns EAGAIN where there is nothing to read, and heeds no deadline.
func (s *stream) readAtOnce(buf []byte) (n int, err error) {
	e := s.conn.Control(func(fd uintptr) { n, err = s.readNow(int(fd), buf) })
	return n, errors.Join(e, err)
}

func (s *stream) readNow(fd int, buf []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Read(fd, buf)
	}
	n = max(n, 0)
	s.total += int64(n)
	return n, err
}

// start marks a start that is made now. It does not wait.
func (s *stream) start(at time.Time) error {
	var err error
	e := s.conn.Control(func(fd uintptr) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var n int
		if n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ); err != nil {
			return
		}
		if len(s.starts) == maxStarts {
			s.starts = slices.Delete(s.starts, 0, 1)
		}
		s.starts = append(s.starts, startAt{s.total + int64(n), at})
	})
	return errors.Join(e, os.NewSyscallError("ioctl FIONREAD", err))
}

// passed forgets the starts up to a position, and returns where the next one is.
func (s *stream) passed(pos int64) (next int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.starts) > 0 && s.starts[0].pos <= pos {
		s.last = s.starts[0].at
		s.starts = slices.Delete(s.starts, 0, 1)
	}
	if len(s.starts) == 0 {
		return math.MaxInt64
	}
	return s.starts[0].pos
}

// time returns the time of what is read now, so that the times of two runs differ
// in milliseconds: it is not after the next start, and is after the last one.
func (s *stream) time(now time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.starts) > 0 && !now.Before(s.starts[0].at) {
		return s.starts[0].at
	}
	if !s.last.IsZero() && now.Sub(s.last) < time.Millisecond {
		return s.last.Add(time.Millisecond)
	}
	return now
}
