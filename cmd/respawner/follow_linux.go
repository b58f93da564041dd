package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether a file is a terminal.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// awaitHangup returns when the reader of f has gone.
func awaitHangup(f *os.File) {
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	for {
		if n, err := unix.Poll(fds, -1); n > 0 || err != unix.EINTR {
			return
		}
	}
}

// following is several logs that are followed. inotify tells when there may be
// something: of the folders, when a file comes or goes, and of the files, when one
// was written to.
type following struct {
	fd     int      // inotify
	reader *os.File // what is printed to
	all    []*follower
}

func newFollowing(reader *os.File) (*following, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	return &following{fd: fd, reader: reader}, os.NewSyscallError("inotify_init1", err)
}

func (f *following) close() { unix.Close(f.fd) }

// add follows a log that was printed up to its end.
func (f *following) add(out io.Writer, h *logFiles) error {
	const mask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE_SELF
	if err := f.watch(filepath.Dir(h.path), mask); err != nil {
		return err
	}
	one := &follower{out: out, path: h.path, fd: f.fd, watch: -1}
	f.all = append(f.all, one)
	return one.goOn(h)
}

// watch makes run wake up when a file of a folder changes.
func (f *following) watch(dir string, mask uint32) error {
	if _, err := unix.InotifyAddWatch(f.fd, dir, mask|unix.IN_ONLYDIR|unix.IN_MASK_ADD); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	return nil
}

// watchHistory makes run wake up when an event of the services is written down.
func (f *following) watchHistory(dir string) error {
	return f.watch(dir, unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO)
}

// catchUp prints all there is by now.
func (f *following) catchUp() error {
	for _, one := range f.all {
		if err := one.catchUp(); err != nil {
			return err
		}
	}
	return nil
}

// run calls news whenever there may be something to print. It returns when
// the reader has gone, or with an error.
func (f *following) run(news func() error) (err error) {
	for gone := false; !gone && err == nil; {
		if err = news(); err == nil {
			gone, err = f.wait()
		}
		if !gone && err == nil {
			err = f.gather()
		}
	}
	return err
}

// gatherTime is how long run waits for more when something has come, in ms: what
// comes of a log and of the history at nearly one time is printed in its order.
const gatherTime = 30

func (f *following) gather() error {
	fds := []unix.PollFd{{Fd: int32(f.reader.Fd())}} // this ends when the reader has gone
	if _, err := unix.Poll(fds, gatherTime); err != nil && err != unix.EINTR {
		return os.NewSyscallError("poll", err)
	}
	return nil
}

// follower prints what is appended to one log, through rotations.
type follower struct {
	out    io.Writer
	path   string
	file   *os.File // nil: there is none (yet)
	before string   // the newest rotated file when that was opened
	fd     int      // inotify
	watch  int      // of the file, in it
}

// goOn follows the newest part of a history.
func (f *follower) goOn(h *logFiles) error {
	if f.watch >= 0 {
		_, _ = unix.InotifyRmWatch(f.fd, uint32(f.watch)) // it may have ended with the file
	}
	f.file, f.watch, f.before = nil, -1, ""
	for _, p := range h.parts {
		if p.rotated.path == "" {
			f.file = p.File
		} else {
			f.before = max(f.before, p.rotated.path)
			p.Close()
		}
	}
	if f.file == nil {
		return nil
	}
	var err error
	f.watch, err = unix.InotifyAddWatch(f.fd, fmt.Sprintf("/proc/self/fd/%d", f.file.Fd()), unix.IN_MODIFY)
	if err != nil {
		return fmt.Errorf("watch %s: %w", f.path, err)
	}
	return nil
}

// catchUp prints all there is by now.
func (f *follower) catchUp() error {
	for {
		if err := f.copy(); err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Dir(f.path)); err != nil {
			return err
		}
		_, err := os.Stat(f.path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && f.file != nil && hasName(f.file, f.path) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.copy(); err != nil { // what came before it was renamed
			return err
		}
		if err := f.next(); err != nil {
			return err
		}
	}
}

// copy prints the rest of the file at hand; from its beginning when it was
// truncated.
func (f *follower) copy() error {
	if f.file == nil {
		return nil
	}
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if at, err := f.file.Seek(0, io.SeekCurrent); err != nil {
		return err
	} else if info.Size() < at {
		if _, err := f.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	_, err = io.Copy(f.out, f.file)
	return err
}

// next prints what was rotated after the file at hand, and goes on with the
// file that has its name now.
func (f *follower) next() error {
	h, err := openLogFiles(f.path)
	if err != nil {
		return err
	}
	fresh := slices.Clone(h.parts)
	slices.Reverse(fresh)
	fresh = slices.DeleteFunc(fresh, func(p part) bool { return p.rotated.path != "" && p.rotated.path <= f.before })
	if len(fresh) > 0 && f.isRotated(fresh[0]) {
		fresh = fresh[1:]
	}
	for _, p := range fresh {
		if err := p.copyTo(f.out, 0); err != nil {
			return err
		}
	}
	if f.file != nil {
		f.file.Close()
	}
	return f.goOn(h)
}

// isRotated reports whether a part is the file at hand: under the name it was
// given, or compressed, which has made it lose all names.
func (f *follower) isRotated(p part) bool {
	var st unix.Stat_t
	if f.file == nil || p.rotated.path == "" || unix.Fstat(int(f.file.Fd()), &st) != nil {
		return false
	}
	if p.rotated.packed {
		return st.Nlink == 0
	}
	a, errA := f.file.Stat()
	b, errB := p.Stat()
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// wait waits until inotify has an event. gone reports that the reader of the output
// has gone.
func (f *following) wait() (gone bool, err error) {
	fds := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}, {Fd: int32(f.reader.Fd())}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && err != unix.EINTR {
			return false, os.NewSyscallError("poll", err)
		}
		if fds[1].Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
			return true, nil
		}
		var buf [4096]byte
		n, err := unix.Read(f.fd, buf[:])
		switch {
		case n > 0:
			return false, nil
		case err != nil && err != unix.EAGAIN && err != unix.EINTR:
			return false, os.NewSyscallError("read inotify", err)
		}
	}
}
