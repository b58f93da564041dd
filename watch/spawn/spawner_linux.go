package spawn

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Request is a start that is wanted. K is what the caller knows it by.
type Request[K any] struct {
	Key K
	// Prepare, if there is one, is called on another thread before the start,
	// since it may take long.
	Prepare func(K)
	// Command is called after that, and says what is started.
	Command func(K) (Command, error)
}

// Outcome is what has come of a start: the program runs, or there is an error.
// The error of an exec wraps the [unix.Errno].
type Outcome[K any] struct {
	Key   K
	Pid   int // with an error that of a child that has ended, 0 where there was none or clone is not to be had
	Pidfd int // the caller's; -1 with an error
	Err   error
}

// Spawner starts programs. It is for one thread, on which Command is called too,
// unless there is no clone to be had.
type Spawner[K any] struct {
	epoll    int // of bell, and of what is waited for
	bell     int // an eventfd
	pending  map[int]*start[K]
	outcomes []Outcome[K]
	fork     bool // clone is not to be had
	closed   bool

	threads chan struct{} // bounds those that are used beside the caller's
	running sync.WaitGroup
	mu      sync.Mutex
	back    []func() // from other threads to the caller's
}

// New returns a Spawner that uses so many threads at once at most, beside its
// caller's: for what is to be prepared, and where there is no clone.
//
// Signals that the caller of this process has ignored, and that Go has no handler
// for, get their default action, for exec would hand that on.
func New[K any](threads int) (*Spawner[K], error) {
	if err := heedSignals(); err != nil {
		return nil, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(epoll))
	}
	s := &Spawner[K]{epoll: epoll, bell: bell, pending: map[int]*start[K]{}, fork: !canClone, threads: make(chan struct{}, threads)}
	if err := s.await(bell); err != nil {
		return nil, errors.Join(err, unix.Close(bell), unix.Close(epoll))
	}
	return s, nil
}

// FD returns a descriptor that is readable when Take may have something.
func (s *Spawner[K]) FD() int { return s.epoll }

// Wake makes it readable. It is safe for concurrent use.
func (s *Spawner[K]) Wake() {
	one := [8]byte{0: 1}
	if _, err := unix.Write(s.bell, one[:]); err != nil && err != unix.EAGAIN {
		panic(fmt.Sprintf("eventfd: %v", err)) // EAGAIN: it is readable as it is
	}
}

// Clear ends what Wake has begun. Take is to be called until it has nothing.
func (s *Spawner[K]) Clear() {
	var n [8]byte
	if _, err := unix.Read(s.bell, n[:]); err != nil && err != unix.EAGAIN {
		panic(fmt.Sprintf("eventfd: %v", err))
	}
}

// Start has a program started. Where there is nothing to prepare, its child is
// there when Start returns.
func (s *Spawner[K]) Start(r Request[K]) {
	if r.Prepare == nil {
		s.begin(r)
		return
	}
	s.elsewhere(func() func() {
		r.Prepare(r.Key)
		return func() { s.begin(r) }
	})
}

// Take returns an outcome, if there is one.
func (s *Spawner[K]) Take() (Outcome[K], bool) {
	if len(s.outcomes) == 0 {
		s.look(0)
	}
	if len(s.outcomes) == 0 {
		return Outcome[K]{}, false
	}
	out := s.outcomes[0]
	s.outcomes = slices.Delete(s.outcomes, 0, 1)
	return out, true
}

// Close waits until all starts are over. What comes of them is not told;
// programs that run are left alone.
func (s *Spawner[K]) Close() error {
	s.closed = true
	s.running.Wait()
	for s.look(0); len(s.pending) > 0; {
		s.look(-1)
	}
	var errs []error
	for _, out := range s.outcomes {
		if out.Pidfd >= 0 {
			errs = append(errs, unix.Close(out.Pidfd))
		}
	}
	return errors.Join(append(errs, unix.Close(s.bell), unix.Close(s.epoll))...)
}

// look takes note of what has come about, or waits for it.
func (s *Spawner[K]) look(timeout int) {
	s.mu.Lock()
	back := s.back
	s.back = nil
	s.mu.Unlock()
	for _, do := range back {
		do()
	}
	var events [16]unix.EpollEvent
	n, err := unix.EpollWait(s.epoll, events[:], timeout)
	if err != nil && err != unix.EINTR {
		panic(fmt.Sprintf("epoll_wait: %v", err)) // there is no reason for it
	}
	for _, ev := range events[:max(0, n)] {
		if st := s.pending[int(ev.Fd)]; st != nil {
			s.ready(int(ev.Fd), st)
		}
	}
}

// begin makes the child of a request.
func (s *Spawner[K]) begin(r Request[K]) {
	if s.closed {
		return
	}
	c, err := r.Command(r.Key)
	if err != nil {
		s.over(Outcome[K]{r.Key, 0, -1, err})
		return
	}
	if !s.fork {
		err = s.clone(r.Key, &c)
	}
	// Not by this kernel, or not in this sandbox: then it never will.
	if s.fork = s.fork || isRefused(err); s.fork {
		s.elsewhere(func() func() {
			out := forkExec(r.Key, &c)
			c.release()
			return func() { s.over(out) }
		})
		return
	}
	if c.release(); err != nil {
		s.over(Outcome[K]{r.Key, 0, -1, err})
	}
}

// isRefused reports whether clone3 itself is unknown or forbidden.
func isRefused(err error) bool {
	return errors.Is(err, errClone) && (errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL))
}

// over notes an outcome that no descriptor tells of.
func (s *Spawner[K]) over(out Outcome[K]) {
	s.outcomes = append(s.outcomes, out)
	s.Wake()
}

// elsewhere does a job on another thread, and what that returns on the caller's.
func (s *Spawner[K]) elsewhere(job func() func()) {
	s.running.Go(func() {
		s.threads <- struct{}{}
		defer func() { <-s.threads }()
		then := job()
		s.mu.Lock()
		s.back = append(s.back, then)
		s.mu.Unlock()
		s.Wake()
	})
}
