package spawn

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forkExec starts a command by Go's own means, which suspend the thread until the
// exec. The child inherits the thread's signal mask.
func forkExec[K any](key K, c *Command) Outcome[K] {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none, before unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &before); err != nil {
		return Outcome[K]{key, 0, -1, os.NewSyscallError("sigmask", err)}
	}
	pid, pidfd, err := c.forkExec()
	if e := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); e != nil {
		panic(fmt.Sprintf("sigmask: %v", e)) // it was allowed a moment ago
	}
	return Outcome[K]{key, pid, pidfd, err}
}

func (c *Command) forkExec() (pid, pidfd int, err error) {
	pidfd = -1
	fds := c.fds()
	pid, err = syscall.ForkExec(c.Path, c.Args, &syscall.ProcAttr{
		Dir:   c.Dir,
		Env:   c.Env,
		Files: fds[:],
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	})
	if err != nil {
		return 0, -1, c.whyNot(err)
	}
	if pidfd < 0 { // before Linux 5.4; the child is ours, so its pid can't be another's
		pidfd, err = unix.PidfdOpen(pid, 0)
	}
	return pid, pidfd, err
}

// whyNot returns what has failed: ForkExec does not tell the chdir from the exec.
func (c *Command) whyNot(err error) error {
	if c.Dir != "" {
		if _, e := os.Stat(c.Dir + "/."); e != nil {
			return &DirError{c.Dir, err}
		}
	}
	return fmt.Errorf("exec %s: %w", c.Path, err)
}

// heedSignals gives signals that the caller has ignored, and that Go has no
// handler for (TSTP, CONT, libc's own), their default action: exec would hand
// that on.
func heedSignals() error {
	for sig := uintptr(1); sig <= 64; sig++ {
		var old, dfl struct { // the kernel's struct sigaction; SIG_DFL is 0, SIG_IGN 1
			handler uintptr
			_       [3]uint64
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&old)), 8, 0, 0)
		if errno == 0 && old.handler == 1 {
			_, _, errno = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&dfl)), 0, 8, 0, 0)
		}
		if errno != 0 {
			return os.NewSyscallError("rt_sigaction", errno)
		}
	}
	return nil
}
