package control

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"respawner/watch/safepath"
)

// ErrHeld is what Claim returns when the service already has a supervisor.
var ErrHeld = errors.New("already runs")

// maxLast bounds the last words, in bytes.
const maxLast = 1 << 20

// Claim is the right to supervise a service, and the files that go with it.
type Claim struct {
	// Weak says why the file is the only lock. It is nil where there is a second lock.
	Weak error

	dir     *Dir
	moved   bool // dir is not the directory in which the claim was made
	name    string
	lock    *os.File
	nameFD  int // the socket that has the lock's name, -1 for none
	pidfile string
	output  *Pipe // nil: not opened
	takenUp bool
	known   bool
	id      string
	socket  int   // the listening socket, -1 for none
	named   inode // the file that the socket's name leads to
	command []byte
	history *History
	keeper  keeper

	inherited Handover // what an earlier binary in this process handed over
}

// Claim takes the lock of a service. The error wraps ErrHeld where another process
// has it. A claim ends with the process, or by Release.
func (d *Dir) Claim(name string) (*Claim, error) {
	c := &Claim{dir: d.of(name), name: name, nameFD: -1, socket: -1}
	if !c.dir.contains(name + ".lock") { // else its holder may have died, and a child not have exec'ed yet
		if err := c.takeName(); err != nil {
			return nil, err
		}
	}
	if err := c.take(); err != nil {
		c.dropName()
		return nil, err
	}
	err := c.awaitExec()
	if err == nil && c.nameFD < 0 && c.Weak == nil {
		err = c.takeName()
	}
	if errors.Is(err, ErrHeld) {
		return nil, errors.Join(err, c.Abandon())
	}
	if err := errors.Join(err, c.identify(), c.recall()); err != nil {
		return nil, errors.Join(err, c.Release(nil))
	}
	return c, nil
}

// recall finds out whether the service was started before. It removes the last words of that time.
func (c *Claim) recall() (err error) {
	if c.known, err = c.dir.has(definitionFile(c.name)); err != nil {
		c.known = true // what can't be read must not be removed
		return err
	}
	return c.dir.remove(c.name + ".json")
}

// Known reports whether the service had been started before, and not been forgotten, when it was claimed.
func (c *Claim) Known() bool { return c.known }

// ID returns a random text that names this claim and the claims that take it up. All
// processes of the service have it in their environment.
func (c *Claim) ID() string { return c.id }

// awaitExec waits until each process that an earlier holder has forked has exec'ed or ended.
// A process that has not exec'ed yet holds the lock file open. After its exec its environment
// tells which service it is of. Such a lock is of the open file, not of the process
// (F_OFD_SETLKW, Linux 3.15).
func (c *Claim) awaitExec() error {
	lk := unix.Flock_t{Type: unix.F_WRLCK, Start: 1, Len: 1}
	for {
		err := unix.FcntlFlock(c.lock.Fd(), unix.F_OFD_SETLKW, &lk)
		if err != unix.EINTR {
			return os.NewSyscallError("lock of "+c.name, err)
		}
	}
}

// identify reads the ID that an earlier holder has written, or writes one.
func (c *Claim) identify() error {
	var random [16]byte
	var id [2 * len(random)]byte
	if _, err := c.lock.ReadAt(id[:], 0); err == nil {
		if _, err := hex.Decode(random[:], id[:]); err == nil {
			c.id = string(id[:])
			return nil
		}
	}
	_, err := unix.Getrandom(random[:], 0)
	c.id = hex.EncodeToString(random[:])
	if err == nil {
		_, err = c.lock.WriteAt([]byte(c.id), 0)
	}
	if err != nil {
		return fmt.Errorf("lock of %s in %s: %w", c.name, c.dir.path, err)
	}
	return nil
}

// TakenUp reports whether an earlier supervisor of the service died without
// releasing its claim.
func (c *Claim) TakenUp() bool { return c.takenUp }

// take locks the file that a killed holder left, or makes a new one. A new file has
// its lock before it gets its name: so a file with the name and without a lock is stale.
func (c *Claim) take() error {
	for {
		f, err := c.dir.open(c.name+".lock", unix.O_RDWR)
		fresh := errors.Is(err, os.ErrNotExist)
		if fresh {
			f, err = c.dir.openNew(c.tmp())
		}
		if err != nil {
			return fmt.Errorf("lock of %s: %w", c.name, err)
		}
		lk := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
		err = unix.FcntlFlock(f.Fd(), unix.F_SETLK, &lk)
		if fresh {
			err = errors.Join(err, c.publish())
		}
		if err == nil && c.dir.is(c.name+".lock", f) {
			c.lock, c.takenUp = f, !fresh
			holdLock(f)
			return nil
		}
		f.Close()
		switch {
		case err == nil, errors.Is(err, unix.EEXIST): // another supervisor was quicker, or has just ended
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
			return fmt.Errorf("%s %w", c.name, ErrHeld)
		default:
			return fmt.Errorf("lock %s: %w", c.name, err)
		}
	}
}

// tmp returns the name of a lock file that has no lock yet.
func (c *Claim) tmp() string { return fmt.Sprintf(".%s.lock.%d", c.name, os.Getpid()) }

// publish gives a lock file its name, if no file has that name yet.
func (c *Claim) publish() error {
	dir := int(c.dir.file.Fd())
	err := unix.Linkat(dir, c.tmp(), dir, c.name+".lock", 0)
	return errors.Join(err, c.dir.remove(c.tmp()))
}

// openNew makes a file. It removes a file that has the name: the service left it.
func (d *Dir) openNew(name string) (*os.File, error) {
	if err := d.remove(name); err != nil {
		return nil, err
	}
	return d.open(name, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
}

// is reports whether a file has a name in the directory.
func (d *Dir) is(name string, f *os.File) bool {
	return d.inode(name) == inodeOf(f) && d.contains(name)
}

// WritePidfile writes the supervisor's pid to path, for a user's kill -TERM.
// The project never reads it. All users may be able to write the folder, so
// a file that is already there is never opened. Release removes the file.
func (c *Claim) WritePidfile(path string) error {
	if err := removeIfThere(path); err != nil {
		return fmt.Errorf("the supervisor's pidfile: %w", err)
	}
	f, err := safepath.Create(path, os.ModeSticky|0o644)
	if err != nil {
		return fmt.Errorf("the supervisor's pidfile: %w", err)
	}
	c.pidfile = path
	_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("the supervisor's pidfile: %w", err)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := safepath.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Listen makes the control socket: a listening, non-blocking descriptor.
func (c *Claim) Listen() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("control socket of %s: %w", c.name, err)
	}
	name := c.name + ".sock"
	if err = c.dir.remove(name); err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: c.dir.address(name)})
	}
	if err == nil {
		err = c.allow(name)
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	if err == nil { // clients that came too early wait for that
		err = unix.UtimesNanoAt(int(c.dir.file.Fd()), name, nil, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return -1, fmt.Errorf("control socket %s.sock: %w", c.name, errors.Join(err, unix.Close(fd)))
	}
	c.socket, c.named = fd, c.dir.inode(name)
	return fd, nil
}

// address returns the path of a socket. It is the real path, by which a cleaner sees that the socket lives
// (/proc/net/unix), unless that is too long for an address, or leads elsewhere.
func (d *Dir) address(name string) string {
	if path := filepath.Join(d.path, name); len(path) < maxAddress && d.isThere() {
		return path
	}
	return d.at(name)
}

// maxAddress is the length of sockaddr_un's sun_path.
const maxAddress = 108

// allow sets which users may connect to the socket, whatever the umask.
func (c *Claim) allow(socket string) error {
	dir := int(c.dir.file.Fd())
	if c.dir.group < 0 {
		return unix.Fchmodat(dir, socket, unix.S_ISVTX|0o600, 0)
	}
	return errors.Join(
		unix.Fchownat(dir, socket, -1, c.dir.group, unix.AT_SYMLINK_NOFOLLOW),
		unix.Fchmodat(dir, socket, unix.S_ISVTX|0o660, 0),
	)
}

// Release removes the claim's files. It leaves last, unless that is nil, for clients
// that ask later. The definition stays, unless this was the first start and last is nil.
// The lock goes last: a later holder finds no other file of this claim.
func (c *Claim) Release(last *Status) error {
	var errs []error
	if last != nil {
		errs = append(errs, c.dir.replace(c.name+".json", Line(last), 0o640))
	}
	if last == nil && !c.known {
		errs = append(errs, c.dir.remove(definitionFile(c.name)))
	}
	if c.pidfile != "" {
		errs = append(errs, removeIfThere(c.pidfile))
	}
	if lock := c.name + ".lock"; c.dir.contains(lock) && !c.dir.is(lock, c.lock) {
		return errors.Join(append(errs, c.Abandon())...) // they were removed, and are another supervisor's now
	}
	for _, file := range []string{c.pipe(), c.name + ".sock", c.name + ".state", c.name + ".lock"} {
		errs = append(errs, c.dir.remove(file))
	}
	return errors.Join(append(errs, c.Abandon())...)
}

// Forget releases the claim and leaves nothing of the service, its history included.
func (c *Claim) Forget() error {
	var errs []error
	for _, suffix := range []string{".json", ".history", ".history.1", definitionFile("")} {
		for _, d := range c.dir.all() {
			errs = append(errs, d.remove(c.name+suffix))
		}
	}
	c.known = false
	return errors.Join(append(errs, c.Release(nil))...)
}

// Abandon gives the claim up as the death of its holder would: all files are left for
// the supervisor that takes it up.
func (c *Claim) Abandon() error {
	c.keeper.close()
	c.dropName()
	var errs []error
	if c.output != nil {
		errs = append(errs, c.output.Close())
	}
	errs = append(errs, dropLock(c.lock)) // waiting processes see that
	if c.moved {
		errs = append(errs, c.dir.Close())
	}
	return errors.Join(errs...)
}

// readLast returns the last words. It returns nothing where there are none, or where they can't be read.
func (d *Dir) readLast(name string) *Status {
	s := Unsupervised(name)
	f, err := d.open(name+".json", unix.O_RDONLY)
	if err != nil {
		return s
	}
	defer f.Close()
	var last Status
	if json.NewDecoder(io.LimitReader(f, maxLast)).Decode(&last) != nil || last.Name != name {
		return s
	}
	return &last
}
