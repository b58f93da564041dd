package spawn

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// start is a child that is on its way to its program. It is known by what is
// waited for: the pipe, and then, when there is an error, the pidfd.
type start[K any] struct {
	key  K
	path string
	dir  string
	plan *plan
	err  error
}

// clone makes the child of a command, and has what comes of it told by a pipe.
func (s *Spawner[K]) clone(key K, c *Command) error {
	fds, release, err := aside(c.fds())
	if err != nil {
		return err
	}
	defer release()
	p, err := newPlan(c, fds)
	if err != nil {
		return err
	}
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	if err = s.await(pipe[0]); err == nil { // first, for a child must not be lost
		err = p.run()
	}
	_ = unix.Close(pipe[1]) // now it is the child's alone
	if err != nil {
		s.leave(pipe[0])
		return err
	}
	s.pending[pipe[0]] = &start[K]{key: key, path: c.Path, dir: c.Dir, plan: p}
	return nil
}

// aside returns descriptors that are none of 0, 1 and 2, so that filling one of
// those takes away nothing that another is filled with.
func aside(fds [3]uintptr) (_ [3]uintptr, release func(), err error) {
	var made []int
	release = func() {
		for _, fd := range made {
			_ = unix.Close(fd)
		}
	}
	for i, fd := range fds {
		if fd > 2 {
			continue
		}
		up, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			release()
			return fds, nil, os.NewSyscallError("fcntl", err)
		}
		made = append(made, up)
		fds[i] = uintptr(up)
	}
	return fds, release, nil
}

// ready goes on with a start whose descriptor is readable.
func (s *Spawner[K]) ready(fd int, st *start[K]) {
	delete(s.pending, fd)
	if fd == int(st.plan.pidfd) {
		s.reaped(st)
		return
	}
	s.leave(fd)
	st.plan.pins.Unpin()
	if st.err = st.plan.failure(st.path, st.dir); st.err == nil {
		s.outcomes = append(s.outcomes, Outcome[K]{st.key, int(st.plan.pid), int(st.plan.pidfd), nil})
		return
	}
	// It is about to end, but a tracer may keep it from that.
	if pidfd := int(st.plan.pidfd); s.await(pidfd) == nil {
		s.pending[pidfd] = st
		return
	}
	s.reaped(st) // no memory for that: then it is waited for here
}

// reaped does away with a child whose exec has failed.
func (s *Spawner[K]) reaped(st *start[K]) {
	pidfd := int(st.plan.pidfd)
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PIDFD, pidfd, nil, unix.WEXITED, nil)
	}
	s.leave(pidfd)
	s.outcomes = append(s.outcomes, Outcome[K]{st.key, int(st.plan.pid), -1, errors.Join(st.err, os.NewSyscallError("waitid", err))})
}

// await has a descriptor looked at.
func (s *Spawner[K]) await(fd int) error {
	ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(s.epoll, unix.EPOLL_CTL_ADD, fd, &ev))
}

// leave closes it. Closing alone does not take it out of the set as long as the
// child has it as well.
func (s *Spawner[K]) leave(fd int) {
	_ = unix.EpollCtl(s.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	_ = unix.Close(fd)
}
