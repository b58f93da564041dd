package control

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// watch returns a descriptor that becomes readable when something of a
// supervisor comes or goes: the release of a lock shows as a close.
func (d *Dir) watch() (int, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("watch %s: %w", d.path, err)
	}
	const mask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE
	if _, err := unix.InotifyAddWatch(fd, d.at(""), mask); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("watch %s: %w", d.path, err)
	}
	return fd, nil
}

// wait waits until the watch has something to tell, and empties it.
func wait(fd int, patience time.Duration) error {
	if err := poll(fd, int(max(patience.Milliseconds(), 0))); err != nil {
		return err
	}
	var buf [4096]byte
	for {
		if n, err := unix.Read(fd, buf[:]); n <= 0 || err != nil {
			return ignoreAgain(err)
		}
	}
}

func ignoreAgain(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	return err
}

// openPidfd opens the supervisor at the other end of a connection: the pid is
// its own as long as that connection stands.
func openPidfd(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("supervisor pid %d: %w", pid, err)
	}
	return fd, nil
}

// await waits until the process of a pidfd has ended.
func await(pidfd int) error { return poll(pidfd, -1) }

func poll(fd, millis int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, millis)
		if err != unix.EINTR {
			return err
		}
	}
}
