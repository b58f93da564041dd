package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"respawner/test/steal"
)

// plug is the connector's socket of a follower, which we can take out of the multicast group of the process events and put
// back, behind the follower's back. While it is out the machine is as if it had no follower, within an instant. The follower
// is stopped then, or it would find that it is deaf, and connect anew.
type plug struct {
	fd  int // our copy; -1: the follower has none
	pid int
}

// plugOf gets hold of a follower's socket, and takes it out.
func plugOf(pid int) (plug, error) {
	fd, err := steal.Connector(pid)
	if errors.Is(err, steal.ErrNone) {
		return plug{fd: -1}, nil
	}
	if err != nil {
		return plug{fd: -1}, err
	}
	p := plug{fd, pid}
	return p, p.out()
}

func (p plug) in() error {
	return errors.Join(p.set(unix.NETLINK_ADD_MEMBERSHIP), p.signal(unix.SIGCONT))
}

func (p plug) out() error {
	return errors.Join(p.signal(unix.SIGSTOP), p.set(unix.NETLINK_DROP_MEMBERSHIP))
}

func (p plug) set(option int) error {
	const processes = 1 // CN_IDX_PROC, the group
	if p.fd < 0 {
		return nil
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(p.fd, unix.SOL_NETLINK, option, processes))
}

func (p plug) signal(sig unix.Signal) error {
	if p.fd < 0 {
		return nil
	}
	return os.NewSyscallError("kill", unix.Kill(p.pid, sig)) // it is ours, or has been asked by us to stay
}

// close leaves the follower as it was.
func (p plug) close() error {
	if p.fd < 0 {
		return nil
	}
	return errors.Join(p.in(), unix.Close(p.fd))
}
