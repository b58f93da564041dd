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

// follower prints what is appended to a log, through rotations. inotify tells
// when there may be something: of the folder, when a file comes or goes, and of
// the file, when it was written to.
type follower struct {
	out    io.Writer
	path   string
	file   *os.File // nil: there is none (yet)
	before string   // the newest rotated file when that was opened
	fd     int      // inotify
	watch  int      // of the file, in it
}

// follow prints what comes after a history that was printed. It returns when
// nobody reads any more, or with an error.
func follow(out io.Writer, h *logFiles) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return os.NewSyscallError("inotify_init1", err)
	}
	defer unix.Close(fd)
	const mask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE_SELF | unix.IN_ONLYDIR
	dir := filepath.Dir(h.path)
	if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	f := &follower{out: out, path: h.path, fd: fd, watch: -1}
	if err := f.goOn(h); err != nil {
		return err
	}
	for gone := false; !gone && err == nil; {
		if err = f.catchUp(); err == nil {
			gone, err = f.wait()
		}
	}
	return err
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

// wait waits until inotify has something to tell; gone says that nobody reads
// what is printed any more.
func (f *follower) wait() (gone bool, err error) {
	fds := []unix.PollFd{{Fd: int32(f.fd), Events: unix.POLLIN}, {Fd: int32(os.Stdout.Fd())}}
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
