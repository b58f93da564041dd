package control

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// keeper notices that files of a claim may have gone. It has three sources: inotify, which watches each file;
// the table of mounts, since a folder may go with its file system (a logout); and the second lock's
// name, by which a client knocks that misses a file. The kernel limits the inotify
// instances of a user (fs.inotify.max_user_instances, 128), for all programs. So only the first supervisors of a
// folder take an instance: the others have the mounts and the knocks.
type keeper struct {
	epoll, inotify, mounts int // -1 for none; epoll has the other descriptors in it
	name                   int // the claim's nameFD

	mu    sync.Mutex
	files map[string]int // the watch of each file
}

// maxWatchers is how many services a folder may have for one more supervisor to take an inotify instance.
const maxWatchers = 32

// Watch returns a descriptor that is readable when files of the claim may have gone. The
// claim closes it. With an error the descriptor works, but some of its sources are missing.
func (c *Claim) Watch() (fd int, err error) {
	k := &c.keeper
	k.epoll, k.inotify, k.mounts, k.name, k.files = -1, -1, -1, c.nameFD, map[string]int{}
	if k.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return -1, os.NewSyscallError("epoll_create1", err)
	}
	if names, _ := c.dir.names(); len(names) <= maxWatchers {
		k.inotify, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	}
	if err != nil {
		k.inotify, err = -1, fmt.Errorf("files that are removed are seen only when a command misses them: inotify_init1 (fs.inotify.max_user_instances): %w", err)
	}
	k.mounts, _ = unix.Open("/proc/self/mountinfo", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	return k.epoll, errors.Join(err, k.add(k.inotify, unix.EPOLLIN), k.add(k.mounts, unix.EPOLLPRI), k.add(k.name, unix.EPOLLIN))
}

func (k *keeper) add(fd int, events uint32) error {
	if fd < 0 {
		return nil
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(k.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}))
}

func (k *keeper) close() {
	if k.files == nil {
		return
	}
	for _, fd := range []int{k.epoll, k.inotify, k.mounts} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	k.files = nil
}

// maxKnocks is how many knocks are taken at once: the kernel's queue has 11 (net.unix.max_dgram_qlen).
const maxKnocks = 11

// Noticed reads what makes the descriptor of Watch readable. It reports whether files may
// have gone.
func (c *Claim) Noticed() bool {
	k := &c.keeper
	var ready [3]unix.EpollEvent
	n, _ := unix.EpollWait(k.epoll, ready[:], 0) // if interrupted, the descriptor is still readable
	noticed := false
	for _, ev := range ready[:max(n, 0)] {
		switch int(ev.Fd) {
		case k.inotify:
			noticed = k.hasLost() || noticed
		case k.name:
			var knock [1]byte
			for range maxKnocks {
				_, _ = unix.Read(k.name, knock[:]) // if there are more, the descriptor is still readable
			}
			noticed = true
		default:
			noticed = true
		}
	}
	return noticed
}

// hasLost reads the events of inotify, and reports whether files may have gone. Files that this process replaced are not
// watched any more.
func (k *keeper) hasLost() (lost bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var buf [4096]byte
	for {
		n, err := unix.Read(k.inotify, buf[:])
		if err != nil || n <= 0 {
			return lost
		}
		for rest := buf[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			wd := int(int32(binary.NativeEndian.Uint32(rest)))
			lost = lost || wd < 0 || k.isWatched(wd)
			rest = rest[min(len(rest), unix.SizeofInotifyEvent+int(binary.NativeEndian.Uint32(rest[12:]))):]
		}
	}
}

func (k *keeper) isWatched(wd int) bool {
	for _, watched := range k.files {
		if watched == wd {
			return true
		}
	}
	return false
}

// see watches the file that has a name now, instead of the file that had it before.
func (k *keeper) see(d *Dir, name string) { k.watch(name, d.at(name), fileGone) }

// The events that show that a file, or a folder, has gone. IN_ATTRIB of a folder would come for the files in it, too.
const (
	folderGone = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_MASK_ADD
	fileGone   = folderGone | unix.IN_ATTRIB | unix.IN_DONT_FOLLOW
)

func (k *keeper) watch(name, path string, mask uint32) {
	if k.files == nil || k.inotify < 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if wd, err := unix.InotifyAddWatch(k.inotify, path, mask); err == nil {
		k.files[name] = wd
	}
}

// PutBack says what Claim.PutBack has done.
type PutBack struct {
	// Files are the names of those that were put back.
	Files []string
	// Dir is the directory in which the files are now, empty if it is the same as before.
	Dir string
	// Socket is the control socket. It is a new one if it was put back.
	Socket int
	// State reports that the state file has gone: the caller must write it again.
	State bool
}

// PutBack puts back the claim's files that have gone, where they were, or in the
// directory that can be used now. It may block. With an error some files are still missing.
func (c *Claim) PutBack() (PutBack, error) {
	done := PutBack{Socket: c.socket}
	if err := c.move(&done); err != nil {
		return done, err
	}
	err := errors.Join(c.putBackLock(&done), c.putBackRest(&done), c.putBackSocket(&done)) // the socket comes last: clients that wait for it find the other files
	c.seeAll()
	done.State = !c.dir.contains(c.name + ".state")
	return done, err
}

// move changes to another directory, if the claim's directory has gone.
func (c *Claim) move(done *PutBack) error {
	if c.dir.isThere() {
		return nil
	}
	d, err := MakeDir(c.dir.path)
	if err != nil {
		return err
	}
	if c.dir.group >= 0 {
		if err := d.Share(c.dir.group); err != nil {
			return errors.Join(err, d.Close())
		}
	}
	if c.moved {
		err = c.dir.Close()
	}
	again := c.dir.places.key != d.places.key
	if c.dir, c.moved, done.Dir = d, true, d.path; again {
		err = errors.Join(err, c.renewName())
	}
	return err
}

// renewName takes the second lock under its name in another directory.
func (c *Claim) renewName() error {
	was := c.nameFD
	if err := c.takeName(); err != nil || c.nameFD == was {
		return err
	}
	if was >= 0 {
		_ = unix.Close(was)
	}
	c.keeper.name = c.nameFD
	return c.keeper.add(c.nameFD, unix.EPOLLIN)
}

// putBackLock locks a new file, since the locked one has no name any more.
func (c *Claim) putBackLock(done *PutBack) error {
	if c.dir.is(c.name+".lock", c.lock) {
		return nil
	}
	anew := &Claim{dir: c.dir, name: c.name}
	err := anew.take()
	if err != nil {
		return err
	}
	if _, err = anew.lock.WriteAt([]byte(c.id), 0); err == nil {
		err = anew.awaitExec() // children that have not exec'ed yet have it open
	}
	if err != nil {
		return errors.Join(err, c.dir.remove(c.name+".lock"), dropLock(anew.lock))
	}
	err = dropLock(c.lock)
	c.lock = anew.lock
	done.Files = append(done.Files, c.name+".lock")
	return err
}

func (c *Claim) putBackSocket(done *PutBack) error {
	if c.socket < 0 || c.dir.inode(c.name+".sock") == c.named {
		return nil
	}
	fd, err := c.Listen()
	if err == nil {
		done.Socket, done.Files = fd, append(done.Files, c.name+".sock")
	}
	return err
}

// putBackRest puts back the files that no process holds open.
func (c *Claim) putBackRest(done *PutBack) error {
	var errs []error
	if name := definitionFile(c.name); len(c.command) > 0 && !c.dir.contains(name) {
		errs = append(errs, c.dir.replace(name, bytes.Clone(c.command), 0o600))
		done.Files = append(done.Files, name)
	}
	if c.history != nil && !c.dir.is(c.history.name(), c.history.file) {
		errs = append(errs, c.history.putBack())
		done.Files = append(done.Files, c.history.name())
	}
	if _, err := os.Lstat(c.pidfile); c.pidfile != "" && errors.Is(err, os.ErrNotExist) {
		errs = append(errs, c.WritePidfile(c.pidfile))
		done.Files = append(done.Files, c.pidfile)
	}
	return errors.Join(errs...)
}

// seeAll watches all files, and the folder.
func (c *Claim) seeAll() {
	for _, name := range []string{".lock", ".sock", ".command", ".state", ".history"} {
		c.keeper.see(c.dir, c.name+name)
	}
	c.keeper.watch("", c.dir.path, folderGone)
	if c.pidfile != "" {
		c.keeper.watch(c.pidfile, c.pidfile, fileGone)
	}
}
