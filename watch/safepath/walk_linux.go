package safepath

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links the kernel follows in a path.
const maxLinks = 40

// noFollow is the flag of statfs(2) for a mount on which no link is followed
// (ST_NOSYMFOLLOW, Linux 5.10).
const noFollow = 0x2000

// entry is what was found under a name, open with O_PATH.
type entry struct {
	fd int
	st unix.Stat_t
}

func (e entry) isKind(kind uint32) bool { return isKind(&e.st, kind) }

// link is a path by which the kernel finds the entry itself.
func (e entry) link() string { return fmt.Sprintf("/proc/self/fd/%d", e.fd) }

// path is the entry's path, for people.
func (e entry) path() string {
	path, err := os.Readlink(e.link())
	if err != nil {
		return "a folder above"
	}
	return path
}

func (e entry) close() {
	if e.fd >= 0 {
		_ = unix.Close(e.fd) // of O_PATH, which has nothing to lose
	}
}

// openPath opens a name in a folder with O_PATH.
func openPath(dir int, name string, flags int) (entry, error) {
	for {
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_CLOEXEC|flags, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return entry{fd: -1}, err
		}
		e := entry{fd: fd}
		if err := unix.Fstat(fd, &e.st); err != nil {
			e.close()
			return entry{fd: -1}, err
		}
		return e, nil
	}
}

// look opens what has a name in a folder, a link itself. A name on the way is
// tried as a folder first, so that it is mounted where an automounter does that.
func look(dir int, name string, onTheWay bool) (entry, error) {
	if onTheWay {
		e, err := openPath(dir, name, unix.O_NOFOLLOW|unix.O_DIRECTORY)
		if !errors.Is(err, unix.ENOTDIR) {
			return e, err
		}
	}
	return openPath(dir, name, unix.O_NOFOLLOW)
}

// place is where a path leads: a name in a folder, and what is there.
type place struct {
	dir     entry
	name    string
	found   entry // fd -1: nothing
	planted bool
	foreign error // nil if only root and we can have written to the folders on the way
}

func (p *place) close() {
	p.dir.close()
	p.found.close()
}

// isEmpty reports whether there is nothing.
func (p *place) isEmpty() bool { return p.found.fd < 0 }

// walk is a path that is half walked.
type walk struct {
	place
	todo  []string
	links int
}

// find walks a path. Its last name may be missing; if it is a link, follow says
// whether the link is followed or what was sought.
func find(path string, follow bool) (*place, error) {
	if path == "" {
		return nil, unix.ENOENT
	}
	if len(path) >= unix.PathMax {
		return nil, unix.ENAMETOOLONG
	}
	w := &walk{place: place{dir: entry{fd: -1}, found: entry{fd: -1}}}
	err := w.goOn(path)
	for arrived := false; !arrived && err == nil; {
		arrived, err = w.step(follow)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return &w.place, nil
}

// goOn puts a path before what is still to be walked. One that ends with a slash
// means a folder, which is a name ".".
func (w *walk) goOn(path string) error {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	if len(names) == 0 || strings.HasSuffix(path, "/") {
		names = append(names, ".")
	}
	w.todo = append(names, w.todo...)
	from := "/"
	if !filepath.IsAbs(path) {
		if w.dir.fd >= 0 {
			return nil
		}
		from = "."
	}
	e, err := openPath(unix.AT_FDCWD, from, unix.O_DIRECTORY)
	if err == nil {
		w.enter(e)
	}
	return err
}

// enter goes into a folder.
func (w *walk) enter(e entry) {
	w.dir.close()
	w.dir = e
	if w.foreign == nil {
		w.foreign = onlyOurs(e)
	}
}

// step goes one name on. It reports whether that was the last one.
func (w *walk) step(follow bool) (arrived bool, err error) {
	w.name = w.todo[0]
	w.todo = w.todo[1:]
	last := len(w.todo) == 0
	e, err := look(w.dir.fd, w.name, !last)
	if errors.Is(err, unix.ENOENT) && last {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if w.name != "." && w.name != ".." {
		w.planted = w.planted || isPlanted(&w.dir.st, &e.st)
	}
	if e.isKind(unix.S_IFLNK) && (follow || !last) {
		var text bool
		if e, text, err = w.follow(e); text || err != nil {
			return false, err
		}
	}
	switch {
	case last:
		w.found = e
	case !e.isKind(unix.S_IFDIR):
		e.close()
		return false, unix.ENOTDIR
	default:
		w.enter(e)
	}
	return last, nil
}

// follow follows a link: by its text, or, on procfs, to what the kernel says.
func (w *walk) follow(link entry) (e entry, text bool, err error) {
	defer link.close()
	var fs unix.Statfs_t
	if w.planted {
		return e, false, fmt.Errorf("%s is a link, and %w: name what is meant without it", link.path(), ErrPlanted)
	}
	if err := unix.Fstatfs(link.fd, &fs); err != nil {
		return e, false, err
	}
	if w.links++; w.links > maxLinks || fs.Flags&noFollow != 0 {
		return e, false, unix.ELOOP
	}
	if fs.Type == unix.PROC_SUPER_MAGIC {
		e, err = openPath(w.dir.fd, w.name, 0)
		return e, false, err
	}
	var buf [unix.PathMax]byte
	n, err := unix.Readlinkat(link.fd, "", buf[:])
	if err != nil {
		return e, false, err
	}
	return e, true, w.goOn(string(buf[:n]))
}
