package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// changes is a watch on folders.
type changes struct {
	file *os.File
	fd   int // its own, which must stay non-blocking
	name string
}

func newChanges(name string) (*changes, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", name, err)
	}
	return &changes{os.NewFile(uintptr(fd), "inotify"), fd, name}, nil
}

// The events that show that a file of a supervisor has come or gone: the release of a lock shows as a
// close, and a socket that is ready as a change of its attributes. The events that show that a folder
// has come.
const (
	filesChange  = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_MASK_ADD
	folderChange = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR | unix.IN_MASK_ADD
)

// watch adds a directory to the watch, and the places where it may be made anew. It is called for each look,
// since the folders may be others each time.
func (c *changes) watch(d *Dir) error {
	if err := c.watchAbove(d.places.paths); err != nil {
		return err
	}
	for _, f := range d.all() {
		if err := c.add(f.at(""), filesChange); err != nil {
			return err
		}
	}
	return nil
}

// watchAbove adds the folders above the folders to the watch, so that it sees one come into being. It watches
// those that exist from the top down, so that none comes unseen.
func (c *changes) watchAbove(paths []string) error {
	for _, path := range paths {
		for i := 0; i <= len(path); i++ {
			if i > 0 && i < len(path) && path[i] != '/' {
				continue
			}
			err := c.add(path[:max(i, 1)], folderChange)
			if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EACCES) {
				break
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *changes) add(path string, mask uint32) error {
	if _, err := unix.InotifyAddWatch(c.fd, path, mask); err != nil {
		return fmt.Errorf("watch %s: %w", c.name, err)
	}
	return nil
}

func (c *changes) close() { c.file.Close() }

// wait waits until the watch has an event, until the time end, which is no
// error, or until ctx is done. A zero end means no limit.
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
	changes, err := newChanges(d.path)
	if err != nil {
		return err
	}
	defer changes.close()
	for {
		if err := changes.watch(d); err != nil {
			return err
		}
		if presence, _, err := d.Presence(name); err != nil || presence == Held {
			return err
		}
		if err := changes.wait(ctx, time.Time{}); err != nil {
			return err
		}
	}
}

// awaitBack waits until a file of a service is there. It waits as long as the service has a supervisor, which puts the file
// back, and for Patience at most. It returns the folder in which the file belongs.
func (d *Dir) awaitBack(name, file string) *Dir {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	changes, err := newChanges(d.path)
	if err != nil {
		return d
	}
	defer changes.close()
	for err == nil && changes.watch(d) == nil {
		f := d.of(name)
		if presence, _, err := d.Presence(name); f.contains(file) || presence != Held || err != nil {
			return f
		}
		d.places.knock(name)
		err = changes.wait(ctx, time.Time{})
	}
	return d.of(name)
}

// AwaitDir opens the runtime directory as OpenDir does, but waits until it exists, or until ctx is
// done.
func AwaitDir(ctx context.Context, path string) (*Dir, error) {
	p := placesOf(path, os.Geteuid())
	changes, err := newChanges(path)
	if err != nil {
		return nil, err
	}
	defer changes.close()
	for {
		if err := changes.watchAbove(p.paths); err != nil {
			return nil, err
		}
		if d, err := p.openAny(); !errors.Is(err, os.ErrNotExist) {
			return d, err
		}
		if err := changes.wait(ctx, time.Time{}); err != nil {
			return nil, err
		}
	}
}

// openPidfd returns a pidfd of the supervisor at the other end of a connection. The pid is
// the supervisor's as long as that connection stands.
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

// Watch calls look at once, and again whenever a file of a supervisor has come
// or gone, until ctx is done or look returns an error, which is returned.
func (d *Dir) Watch(ctx context.Context, look func() error) error {
	changes, err := newChanges(d.path)
	if err != nil {
		return err
	}
	defer changes.close()
	for {
		if err := changes.watch(d); err != nil {
			return err
		}
		if err := look(); err != nil {
			return err
		}
		if err := changes.wait(ctx, time.Time{}); err != nil {
			return err
		}
	}
}
