package control

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// pipeSize is how much output the kernel is asked to hold while a supervisor is busy,
// or dead, in bytes. The kernel may refuse it to an ordinary user (F_SETPIPE_SZ, Linux 2.6.35).
const pipeSize = 1 << 20

// pipes is the folder of the FIFOs. Only the owner may enter it, also where a group may look into
// the runtime directory.
const pipes = "pipes"

// pipeMode lets each user write that can reach the FIFO. By its path only the owner
// can reach it, but a daemon that has given up its uid may open
// /dev/stdout, and then the kernel asks for the FIFO's own mode.
const pipeMode = unix.S_ISVTX | 0o622

// Pipe is the FIFO into which a program writes its output, and from
// which its supervisor reads. Its content lives as long as a process has it open: when the
// supervisor was killed, the program's output waits in it
// for the next supervisor.
type Pipe struct {
	reader *os.File
	keeper *os.File // open for reading and writing, so the reader never sees an end
}

// OpenPipe opens the FIFO pipes/NAME.out: the one that a killed supervisor left, with
// its content, or else a new one. It replaces a file that is no FIFO of the owner's.
func (c *Claim) OpenPipe() (*Pipe, error) {
	if fd := c.inherited.Pipe; fd > 0 {
		p, err := takePipe(fd)
		c.output = p
		return p, err
	}
	p := &Pipe{}
	err := c.makePipe()
	if err == nil {
		p.keeper, err = c.openPipe(unix.O_RDWR)
	}
	if err == nil {
		p.reader, err = c.openPipe(unix.O_RDONLY)
	}
	if err != nil {
		return nil, fmt.Errorf("the pipe for the output of %s: %w", c.name, errors.Join(err, p.Close()))
	}
	c.output = p
	_, _ = unix.FcntlInt(p.keeper.Fd(), unix.F_SETPIPE_SZ, pipeSize) // else it holds 64 KiB
	return p, nil
}

func (c *Claim) pipe() string { return pipes + "/" + c.name + ".out" }

func (c *Claim) openPipe(flags int) (*os.File, error) {
	fd, err := unix.Openat(int(c.dir.file.Fd()), c.pipe(), flags|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	return os.NewFile(uintptr(fd), c.pipe()), nil
}

func (c *Claim) makePipe() error {
	dir := int(c.dir.file.Fd())
	if err := unix.Mkdirat(dir, pipes, 0o700); err != nil && err != unix.EEXIST {
		return err
	}
	var st unix.Stat_t
	err := unix.Fstatat(dir, c.pipe(), &st, unix.AT_SYMLINK_NOFOLLOW)
	isOurs := err == nil && st.Mode&unix.S_IFMT == unix.S_IFIFO && int(st.Uid) == os.Geteuid()
	if !isOurs {
		err = c.dir.remove(c.pipe())
		if err == nil {
			err = unix.Mkfifoat(dir, c.pipe(), 0o600)
		}
	}
	if err != nil {
		return err
	}
	return unix.Fchmodat(dir, c.pipe(), pipeMode, 0) // whatever the umask
}

// Reader returns the supervisor's end. It is non-blocking and never reaches the end of file.
func (p *Pipe) Reader() *os.File { return p.reader }

// Link returns the FIFO's path as the links in /proc/PID/fd name it. It returns "" where they can't be read.
func (p *Pipe) Link() string {
	link, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", p.keeper.Fd()))
	return link
}

// Writer opens a program's end. It is open for reading too, so the FIFO has
// a reader without a supervisor as well: a write gets no SIGPIPE, it only waits when the pipe
// is full. docs/SECURITY.md says why nothing else can keep a reader. Each program has an open file
// description of its own, since a program may make its own non-blocking.
func (p *Pipe) Writer() (*os.File, error) {
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", p.keeper.Fd()), unix.O_RDWR|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open the pipe for the program's output: %w", err)
	}
	return os.NewFile(uintptr(fd), "output"), nil
}

// Close closes both ends that the supervisor has open. The content stays only if
// another process has the pipe open. Release closes both ends as well.
func (p *Pipe) Close() error {
	var errs []error
	for _, f := range []*os.File{p.reader, p.keeper} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	p.reader, p.keeper = nil, nil
	return errors.Join(errs...)
}
