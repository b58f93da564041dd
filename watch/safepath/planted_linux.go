package safepath

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrPlanted is wrapped where another user can have put a link on the way, or a
// file in the place of the one that was meant.
var ErrPlanted = errors.New("another user can have put it there")

// isOurs reports whether a file's owner is root or we.
func isOurs(uid uint32) bool { return uid == 0 || int(uid) == os.Geteuid() }

// isPlanted reports whether another user can have put a file where it is, by
// the file and the folder that it is in.
func isPlanted(dir, file *unix.Stat_t) bool {
	switch {
	case !isOurs(dir.Uid):
		return true
	case dir.Mode&0o022 == 0:
		return false
	}
	ownGroup := dir.Mode&0o002 == 0 && int(dir.Gid) == os.Getegid()
	if dir.Mode&unix.S_ISVTX == 0 && !ownGroup {
		return true
	}
	return !isOurs(file.Uid) || file.Nlink > 1 && !isKind(file, unix.S_IFDIR)
}

// mayAppend returns nil unless a planted file may be a trap: a second name of
// another file, or in a sticky folder a file of neither ours nor the folder's
// owner (fs.protected_regular).
func (p *place) mayAppend() error {
	switch st := &p.found.st; {
	case !p.planted || !isKind(st, unix.S_IFREG):
		return nil
	case st.Nlink > 1:
		return fmt.Errorf("%w, and it has a second name (a hard link): remove it", ErrPlanted)
	case p.dir.st.Mode&unix.S_ISVTX != 0 && !isOurs(st.Uid) && st.Uid != p.dir.st.Uid:
		return fmt.Errorf("%w, for it belongs to uid %d: remove it, or name a file in another folder", ErrPlanted, st.Uid)
	}
	return nil
}

// onlyOurs returns nil if only root and we can have written a file or folder.
func onlyOurs(e entry) error {
	switch {
	case !isOurs(e.st.Uid):
		return fmt.Errorf("%s belongs to another user", e.path())
	case e.st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written by others", e.path())
	}
	return nil
}

// KindError is returned for a file of a kind that was not asked for.
type KindError struct {
	Path string
	// Kind is "a directory", "a fifo", "a socket", "a device", "a link" or "a
	// file".
	Kind string
}

// Error implements error.
func (e *KindError) Error() string { return e.Path + " is " + e.Kind }

func isKind(st *unix.Stat_t, kind uint32) bool { return st.Mode&unix.S_IFMT == kind }

func kindOf(path string, st *unix.Stat_t) *KindError {
	return &KindError{path, map[uint32]string{
		unix.S_IFDIR: "a directory", unix.S_IFIFO: "a fifo", unix.S_IFSOCK: "a socket", unix.S_IFLNK: "a link",
		unix.S_IFCHR: "a device", unix.S_IFBLK: "a device", unix.S_IFREG: "a file",
	}[st.Mode&unix.S_IFMT]}
}
