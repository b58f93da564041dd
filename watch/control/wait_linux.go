package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// changes is a watch on a directory.
type changes struct{ file *os.File }

// watch becomes readable when something of a supervisor comes or goes: the
// release of a lock shows as a close.
func (d *Dir) watch() (*changes, error) {
	return watchPath(d.at(""), d.path, unix.IN_CREATE|unix.IN_DELETE|unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE)
}

func watchPath(path, name string, mask uint32) (*changes, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", name, err)
	}
	c := &changes{os.NewFile(uintptr(fd), "inotify")}
	if _, err := unix.InotifyAddWatch(fd, path, mask); err != nil {
		c.close()
		return nil, fmt.Errorf("watch %s: %w", name, err)
	}
	return c, nil
}

func (c *changes) close() { c.file.Close() }

// wait waits until the watch has something to tell, until end, which is no
// error, or until ctx is done. A zero end is none.
func (c *changes) wait(ctx context.Context, end time.Time) error {
	if err := c.file.SetReadDeadline(end); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, c.close)()
	var buf [4096]byte
	_, err := c.file.Read(buf[:])
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}

// Await waits until a service has a supervisor, or until ctx is done.
func (d *Dir) Await(ctx context.Context, name string) error {
	changes, err := d.watch()
	if err != nil {
		return err
	}
	defer changes.close()
	for {
		presence, _, err := d.Presence(name)
		if err == nil && presence != Held {
			err = changes.wait(ctx, time.Time{})
		} else {
			return err
		}
		if err != nil {
			return err
		}
	}
}

// AwaitDir is OpenDir that waits until the directory exists, or until ctx is
// done.
func AwaitDir(ctx context.Context, path string) (*Dir, error) {
	for {
		d, err := OpenDir(path)
		if !errors.Is(err, os.ErrNotExist) {
			return d, err
		}
		if err := awaitBelow(ctx, path, filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
}

// awaitBelow waits until something comes into the folder above path, or, where
// that does not exist either, the one above it.
func awaitBelow(ctx context.Context, path, above string) error {
	changes, err := watchPath(above, above, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_ONLYDIR)
	if errors.Is(err, os.ErrNotExist) && above != filepath.Dir(above) {
		return awaitBelow(ctx, path, filepath.Dir(above))
	}
	if err != nil {
		return err
	}
	defer changes.close()
	rel, err := filepath.Rel(above, path)
	if err != nil {
		return err
	}
	next := filepath.Join(above, strings.SplitN(rel, "/", 2)[0])
	if _, err := os.Stat(next); !errors.Is(err, os.ErrNotExist) {
		return err // it has come meanwhile
	}
	return changes.wait(ctx, time.Time{})
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
func await(pidfd int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}

// Watch calls look at once, and again whenever something of a supervisor has come
// or gone, until ctx is done or look returns an error, which is returned.
func (d *Dir) Watch(ctx context.Context, look func() error) error {
	changes, err := d.watch()
	if err != nil {
		return err
	}
	defer changes.close()
	for {
		if err := look(); err != nil {
			return err
		}
		if err := changes.wait(ctx, time.Time{}); err != nil {
			return err
		}
	}
}
