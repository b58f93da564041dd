package watch

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"respawner/watch/safepath"
)

// pidfile is the room of a daemon's pidfile: its content is read whenever
// inotify says that it may have changed. What it says is only ever a hint. Its
// path is the daemon's: it is walked by errands alone.
type pidfile struct {
	path    string
	fd      int // inotify, -1 where there is none
	slot    *slot
	lane    lane
	changed bool // it may say something else than what was read
}

// pidfileRead is what an errand has found in it.
type pidfileRead struct {
	pid     int
	err     error // fs.ErrNotExist, or what is wrong with it
	trusted error // nil if none but root and we can have written it
}

// Folders are watched again and again. Without IN_MASK_ADD the kernel takes the
// mask of one that is watched off for a moment, and what happens then is lost
// (inotify_update_existing_watch, up to Linux 6.18 at least).
const pidfileEvents = unix.IN_CREATE | unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MASK_ADD

// newPidfile returns the room; with an error it is one that sees no changes.
func newPidfile(path string, paths *crew) (*pidfile, error) {
	p := &pidfile{path: path, fd: -1, lane: lane{crew: paths}}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return p, os.NewSyscallError("inotify_init1", err)
	}
	p.fd = fd
	return p, nil
}

// look watches the file's folder, and reads it: what is written later will be
// told of.
func (p *pidfile) look() (r pidfileRead) {
	p.watch()
	r.pid, r.trusted, r.err = p.read()
	return r
}

// watch watches the file's folder, or the nearest one above it that exists:
// until it is sure that none nearer came into being before the watch was there.
func (p *pidfile) watch() {
	if p.fd < 0 {
		return
	}
	for watched := ""; ; {
		dir := filepath.Dir(p.path)
		for ; ; dir = filepath.Dir(dir) {
			if _, err := unix.InotifyAddWatch(p.fd, dir, pidfileEvents); err == nil || dir == filepath.Dir(dir) {
				break
			}
		}
		if dir == watched || dir == filepath.Dir(p.path) {
			return
		}
		watched = dir
	}
}

// drain empties the inotify queue: the next look finds what that was about, and
// watches folders that came into being.
func (p *pidfile) drain() {
	var buf [4096]byte
	for {
		if n, err := unix.Read(p.fd, buf[:]); n <= 0 || err != nil {
			p.touch()
			return
		}
	}
}

// touch has it read again, if there is one.
func (p *pidfile) touch() {
	if p != nil {
		p.changed = true
	}
}

// read returns the pid in the file; the error is fs.ErrNotExist, or says what
// is wrong with it.
func (p *pidfile) read() (pid int, trusted, err error) {
	f, trusted, err := safepath.OpenTrusted(p.path)
	var kind *safepath.KindError
	if errors.As(err, &kind) {
		return 0, nil, errors.New("is no regular file")
	}
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, pidfileSize))
	if err == nil {
		pid, err = parsePidfile(b)
	}
	return pid, trusted, err
}

// removeStale removes the file when the process it names is dead: many daemons
// refuse to start beside their own. was is a pid that is known to have been
// the daemon's, now dead, even if the number lives on. It reports whether it
// did; the error says why a file that is there was left. There may be no room.
func (p *pidfile) removeStale(was int) (removed bool, err error) {
	if p == nil {
		return false, nil
	}
	pid, _, err := p.read()
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pidfile %s %w: left alone", p.path, err)
	}
	if pid != was && !(linux{}).isGone(pid) {
		return false, fmt.Errorf("pidfile %s names pid %d, which is no process of this service: left alone", p.path, pid)
	}
	return true, safepath.Remove(p.path)
}

func (p *pidfile) close() error {
	if p.fd < 0 {
		return nil
	}
	return unix.Close(p.fd)
}
