package spawn

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Command is a program to be started. It gets a session of its own, an empty
// signal mask, the default action for all signals, and no other descriptors.
type Command struct {
	// Path is the file, absolute if there is a Dir.
	Path string
	// Dir is the folder that it runs in, which is looked up at the start; empty
	// for the caller's own.
	Dir string
	// Args are the arguments, the program's name (argv[0]) first.
	Args []string
	// Env is the environment, as NAME=value.
	Env []string
	// Files are its descriptors 0, 1 and 2.
	Files [3]*os.File
	// Release, if there is one, is called once the child has got them, or
	// there will be none.
	Release func()
}

// fds are the descriptors of the files.
func (c *Command) fds() (fds [3]uintptr) {
	for i, f := range c.Files {
		fds[i] = f.Fd()
	}
	return fds
}

// release is called once.
func (c *Command) release() {
	if c.Release != nil {
		c.Release()
	}
}

// step is a system call to be made by the child. clone_linux_*.s know what it
// looks like, and so they do of plan's beginning.
type step struct {
	nr       uintptr
	args     [5]uintptr
	optional uintptr // not 0: the child goes on when it fails
}

// DirError says that the folder which a program was to run in can't be entered.
type DirError struct {
	Dir string
	Err error
}

func (e *DirError) Error() string { return fmt.Sprintf("chdir %s: %v", e.Dir, e.Err) }

// Unwrap returns the [unix.Errno].
func (e *DirError) Unwrap() error { return e.Err }

// maxSteps bounds a plan.
const maxSteps = 8

// plan is what a child does until its exec, and what has come of it. The child
// reads it while the parent runs on, so it is pinned with all that it names.
type plan struct {
	errno int32 // set by the child when a step fails, with where that is in the plan
	at    int32
	steps [maxSteps]step

	n     int // steps so far
	pid   int32
	pidfd int32
	mask  uint64 // no signal
	pins  runtime.Pinner
}

func (p *plan) add(nr uintptr, args ...uintptr) *step {
	s := &p.steps[p.n]
	s.nr = nr
	copy(s.args[:], args)
	p.n++
	return s
}

// newPlan writes down how a command is started. The descriptors must not be 0, 1
// or 2, which are filled one after the other.
func newPlan(c *Command, fds [3]uintptr) (*plan, error) {
	if err := mustNotHaveNul(c); err != nil {
		return nil, fmt.Errorf("exec %s: %w", c.Path, err)
	}
	p := &plan{}
	p.pins.Pin(p)
	path, argv, env := p.vector([]string{c.Path}), p.vector(c.Args), p.vector(c.Env)
	p.add(unix.SYS_SETSID)
	if c.Dir != "" { // by the child, since a file system may hang
		p.add(unix.SYS_CHDIR, uintptr(unsafe.Pointer(p.vector([]string{c.Dir})[0])))
	}
	for i, fd := range fds {
		p.add(unix.SYS_DUP3, fd, uintptr(i), 0)
	}
	// Whatever was opened without O_CLOEXEC: by our caller, or by C (Linux 5.11).
	p.add(unix.SYS_CLOSE_RANGE, 3, 1<<32-1, unix.CLOSE_RANGE_CLOEXEC).optional = 1
	p.add(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&p.mask)), 0, unsafe.Sizeof(p.mask))
	p.add(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path[0])), uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&env[0])))
	return p, nil
}

// vector puts texts down as C would have them: pointers to strings that end with
// a 0, and after the last one none.
func (p *plan) vector(texts []string) []*byte {
	size := 1 // of nothing there is no address
	for _, s := range texts {
		size += len(s) + 1
	}
	pointers, buf := make([]*byte, len(texts)+1), make([]byte, 0, size)
	p.pins.Pin(&pointers[0])
	p.pins.Pin(unsafe.SliceData(buf))
	for i, s := range texts {
		at := len(buf)
		buf = append(append(buf, s...), 0)
		pointers[i] = &buf[at]
	}
	return pointers
}

// mustNotHaveNul returns EINVAL, as [os.StartProcess] does, when there is a 0 in
// what would end there.
func mustNotHaveNul(c *Command) error {
	has := func(s string) bool { return strings.IndexByte(s, 0) >= 0 }
	if has(c.Path) || has(c.Dir) || slices.ContainsFunc(c.Args, has) || slices.ContainsFunc(c.Env, has) {
		return unix.EINVAL
	}
	return nil
}

// failure is why the exec did not come about, nil if it did, or if something has
// killed the child. It may be asked for when the pipe has told that it is over.
func (p *plan) failure(path, dir string) error {
	errno := unix.Errno(atomic.LoadInt32(&p.errno))
	if errno == 0 {
		return nil
	}
	at := (uintptr(p.at) - unsafe.Offsetof(p.steps)) / unsafe.Sizeof(p.steps[0])
	switch p.steps[at].nr {
	case unix.SYS_SETSID:
		return os.NewSyscallError("setsid", errno)
	case unix.SYS_CHDIR:
		return &DirError{dir, errno}
	case unix.SYS_DUP3:
		return os.NewSyscallError("dup3", errno)
	case unix.SYS_RT_SIGPROCMASK:
		return os.NewSyscallError("rt_sigprocmask", errno)
	}
	return fmt.Errorf("exec %s: %w", path, errno)
}

// cloneArgs is the kernel's struct clone_args, as Linux 5.3 has it.
type cloneArgs struct {
	flags      uint64
	pidfd      uint64
	_          [2]uint64 // child_tid, parent_tid
	exitSignal uint64
	_          [3]uint64 // stack, stack_size, tls
}

// errClone says that clone3 itself has failed.
var errClone = errors.New("clone3")

// run makes the child. That takes as long as it takes to make a thread.
func (p *plan) run() error {
	args := cloneArgs{
		flags:      unix.CLONE_VM | unix.CLONE_PIDFD | unix.CLONE_CLEAR_SIGHAND,
		pidfd:      uint64(uintptr(unsafe.Pointer(&p.pidfd))),
		exitSignal: uint64(unix.SIGCHLD),
	}
	pid := int(clone(&args, unsafe.Sizeof(args), p))
	if pid < 0 {
		return fmt.Errorf("%w: %w", errClone, unix.Errno(-pid))
	}
	p.pid = int32(pid)
	return nil
}
