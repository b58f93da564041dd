package safepath

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenDir opens a folder to read it. The last name of the path must be no link.
func OpenDir(path string) (f *os.File, err error) {
	p, err := find(path, false)
	if err == nil {
		defer p.close()
		f, err = p.folder(path)
	}
	return f, failed("open", path, err)
}

func (p *place) folder(path string) (*os.File, error) {
	switch {
	case p.isEmpty():
		return nil, unix.ENOENT
	case !p.found.isKind(unix.S_IFDIR):
		return nil, kindOf(path, &p.found.st)
	}
	fd, err := p.found.open(unix.O_RDONLY | unix.O_DIRECTORY)
	return file(fd, path, err)
}

// ReadDir returns what is in a folder, sorted by name.
func ReadDir(path string) (entries []os.DirEntry, err error) {
	p, err := find(path, true)
	if err != nil {
		return nil, failed("open", path, err)
	}
	defer p.close()
	f, err := p.folder(path)
	if err != nil {
		return nil, failed("open", path, err)
	}
	defer f.Close()
	entries, err = f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// Mkdir makes a folder. The error is fs.ErrExist if the name is taken.
func Mkdir(path string, mode os.FileMode) error {
	p, err := find(path, false)
	if err == nil {
		defer p.close()
		err = unix.Mkdirat(p.dir.fd, p.name, uint32(mode.Perm()))
	}
	return failed("mkdir", path, err)
}

// MkdirAll makes a folder, and those above it, if they do not exist.
func MkdirAll(path string, mode os.FileMode) error {
	p, err := find(path, true)
	if errors.Is(err, unix.ENOENT) && path != "" {
		if err := MkdirAll(filepath.Dir(path), mode); err != nil {
			return err
		}
		p, err = find(path, true)
	}
	if err == nil {
		defer p.close()
		err = p.mkdir(mode)
	}
	return failed("mkdir", path, err)
}

func (p *place) mkdir(mode os.FileMode) error {
	if !p.isEmpty() {
		if p.found.isKind(unix.S_IFDIR) {
			return nil
		}
		return unix.ENOTDIR
	}
	err := unix.Mkdirat(p.dir.fd, p.name, uint32(mode.Perm()))
	if err == unix.EEXIST { // another process was quicker
		return nil
	}
	return err
}

// Rename gives a file another name in its folder.
func Rename(path, name string) error {
	p, err := find(path, false)
	if err == nil {
		defer p.close()
		err = unix.Renameat(p.dir.fd, p.name, p.dir.fd, name)
	}
	return failed("rename", path, err)
}

// Remove removes a regular file, a socket, a FIFO, or a link itself. A directory
// or a device is a *KindError.
func Remove(path string) error {
	p, err := find(path, false)
	if err == nil {
		defer p.close()
		err = p.remove(path)
	}
	return failed("remove", path, err)
}

func (p *place) remove(path string) error {
	st := &p.found.st
	if p.isEmpty() {
		return unix.ENOENT
	}
	if isKind(st, unix.S_IFDIR) || isKind(st, unix.S_IFCHR) || isKind(st, unix.S_IFBLK) {
		return kindOf(path, st)
	}
	return unix.Unlinkat(p.dir.fd, p.name, 0) // which removes no directory that came in between
}

// Detach takes a mount away from a folder, though it may be in use.
func Detach(path string) error {
	p, err := find(filepath.Dir(path), true)
	if err == nil {
		defer p.close()
		at := fmt.Sprintf("%s/%s", p.found.link(), filepath.Base(path))
		err = unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	return failed("umount", path, err)
}
