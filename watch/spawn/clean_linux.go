package spawn

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Clean makes way for a start: it removes the files that a killed instance has
// left, and that the next one would refuse to start beside. It returns those
// that it has removed; the error says why others are still there. A file that
// is not there is what was wanted.
func Clean(paths []string) (removed []string, err error) {
	for _, path := range paths {
		switch e := remove(path); {
		case e == nil:
			removed = append(removed, path)
		case !errors.Is(e, unix.ENOENT):
			err = errors.Join(err, fmt.Errorf("%s can't be removed before the start: %w", path, e))
		}
	}
	return removed, err
}

// What is never removed.
var (
	errDirectory = errors.New("it is a directory, only files are removed")
	errDevice    = errors.New("it is a device, only files are removed")
)

// remove removes a file, a socket, a FIFO, or a symbolic link itself. A mount
// whose file system has died (a FUSE daemon that was killed) is taken away too:
// nothing can be in use there.
func remove(path string) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return errDirectory
	case unix.S_IFBLK, unix.S_IFCHR:
		return errDevice
	}
	switch {
	case errors.Is(err, unix.ENOTCONN):
		return os.NewSyscallError("umount", unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW))
	case err != nil:
		return os.NewSyscallError("lstat", err)
	}
	return os.NewSyscallError("unlink", unix.Unlink(path)) // which removes no directory that came in between
}
