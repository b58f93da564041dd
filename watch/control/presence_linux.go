package control

import (
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Presence is what is known of a service's supervisor.
type Presence int

const (
	// Absent says that there is no supervisor.
	Absent Presence = iota
	// Stale says that a supervisor died and left its files.
	Stale
	// Held says that there is a supervisor.
	Held
)

// Presence asks the kernel which process holds the lock of a service, and returns its pid. The pid is 0 where
// there is no holder, where it lives in another pid namespace, where its files
// were removed a moment ago, or where the caller may not look: then a dead supervisor can't be
// told from a live one.
func (d *Dir) Presence(name string) (Presence, int, error) {
	for _, f := range d.all() {
		if presence, pid, err := f.presence(name); presence != Absent || err != nil {
			return presence, pid, err
		}
	}
	if owner, err := d.places.holderOf(name); err != nil || owner != d.places.uid {
		return Absent, 0, nil // where the kernel does not tell, only the file can show it
	}
	d.places.knock(name)
	return Held, 0, nil
}

// presence returns the Presence by the lock file of one folder.
func (d *Dir) presence(name string) (Presence, int, error) {
	f, err := d.open(name+".lock", unix.O_PATH)
	if errors.Is(err, os.ErrNotExist) {
		return Absent, 0, nil
	}
	if err != nil {
		return Absent, 0, fmt.Errorf("lock of %s: %w", name, err)
	}
	defer f.Close() // this drops no lock of this process: an O_PATH descriptor has none
	if isOurs(f) {
		return Held, os.Getpid(), nil
	}
	lk, err := holder(f)
	switch {
	case errors.Is(err, unix.EACCES):
		return Held, 0, nil // the file is there; a group may not ask for its holder
	case err != nil:
		return Absent, 0, fmt.Errorf("lock of %s: %w", name, err)
	case lk.Type != unix.F_UNLCK:
		return Held, max(int(lk.Pid), 0), nil
	case !d.is(name+".lock", f):
		return d.presence(name) // it was released in good order since it was opened
	}
	return Stale, 0, nil
}

// holder returns the kernel's record of the lock on a file that was opened by O_PATH.
func holder(f *os.File) (lk unix.Flock_t, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return lk, errors.Join(err, errors.New("it is no regular file"))
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return lk, err
	}
	defer unix.Close(fd)
	lk = unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	return lk, unix.FcntlFlock(uintptr(fd), unix.F_GETLK, &lk)
}

// inode identifies a file.
type inode struct{ dev, ino uint64 }

func inodeOf(f *os.File) inode {
	var st unix.Stat_t
	if unix.Fstat(int(f.Fd()), &st) != nil {
		return inode{}
	}
	return inode{st.Dev, st.Ino}
}

// ours are the lock files that this process holds. Closing any descriptor
// of such a file would drop its record lock, so this process never opens them again.
var ours sync.Map

func isOurs(f *os.File) bool {
	_, held := ours.Load(inodeOf(f))
	return held
}

// holdLock notes that this process holds the lock of a file, until dropLock.
func holdLock(f *os.File) { ours.Store(inodeOf(f), true) }

func dropLock(f *os.File) error {
	ours.Delete(inodeOf(f))
	return f.Close()
}
