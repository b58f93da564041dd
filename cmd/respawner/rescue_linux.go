package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
)

// witness tells how a supervisor ended. A supervisor may die in the milliseconds of an upgrade: the program that
// is exec'ed can't catch signals until Go has begun.
type witness struct{ pidfd int }

func watchSupervisor(dir *control.Dir, name string) witness {
	_, pid, err := dir.Presence(name)
	if err != nil || pid == 0 {
		return witness{-1}
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return witness{-1} // it has ended already
	}
	return witness{fd}
}

func (w witness) close() {
	if w.pidfd >= 0 {
		_ = unix.Close(w.pidfd)
	}
}

// reapPatience is how long the parent of a supervisor, mostly init, may take to reap it, in milliseconds.
const reapPatience = 1000

// sawStop reports whether the supervisor was killed by a signal that asks it to end its service. The
// kernel tells the signal once the process is reaped (Linux 6.15).
func (w witness) sawStop() bool {
	fds := []unix.PollFd{{Fd: int32(w.pidfd)}} // nothing but its hang-up, when it is reaped
	for err := error(unix.EINTR); errors.Is(err, unix.EINTR); {
		_, err = unix.Poll(fds, reapPatience)
	}
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	if err := unix.IoctlPidfdInfo(w.pidfd, &info); err != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return false
	}
	switch unix.WaitStatus(info.Exit_code).Signal() {
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		return true
	}
	return false
}

// rescue takes care of a service after its supervisor has died in the middle of an upgrade. If a stop signal
// killed the supervisor, rescue ends the service. Otherwise it gives the service another supervisor.
func (o options) rescue(dir *control.Dir, name string, w witness, out result) result {
	presence, _, err := dir.Presence(name)
	if err != nil || presence != control.Stale {
		return out
	}
	if out.err == nil {
		out.err = errNotRunning
	}
	text := ""
	if err = dir.Trust(); err == nil && w.sawStop() {
		text, err = o.finish(dir, name)
	} else if err == nil {
		text, err = adoptStale(dir, name)
	}
	if err != nil {
		return result{presence: control.Stale, err: errors.Join(out.err, err)}
	}
	return result{presence: control.Held, text: fmt.Sprintf("%s (its supervisor died in the middle of the upgrade)", text)}
}
