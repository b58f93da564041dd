package watch

import (
	"errors"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// errGone is what openPidfd returns for a process that is dead and reaped.
var errGone = errors.New("no such process")

// openPidfd opens a process (pidfd_open, Linux 5.3). The caller finds out
// which process that is. It leaves some descriptors to others, but for a dead
// process, for which it is soon closed.
func (k linux) openPidfd(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil && inReserve(fd, pidfdReserve) && !k.isReadable(fd) {
		err = errors.Join(unix.EMFILE, unix.Close(fd))
	}
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ESRCH):
		return -1, errGone
	}
	return -1, os.NewSyscallError("pidfd_open", err)
}

// How many descriptors are not for pidfds, of which there are as many as the
// service has processes, and of those how many are not for clients: /proc is
// read, a program is started and files are written whatever the others use up.
const (
	pidfdReserve  = 64
	clientReserve = 16
)

// inReserve reports whether a descriptor is one of the last few that may be open,
// a quarter where there are not many. The kernel gives out the lowest first.
func inReserve(fd, reserve int) bool {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return false
	}
	return uint64(fd) >= limit.Cur-min(limit.Cur/4, uint64(reserve))
}

func (linux) getpid() int { return os.Getpid() }

// inodeOf returns the inode of a pidfd. Since Linux 6.9 (pidfs) each process has one of its own, and
// none has it after it; before that it is 0.
func (linux) inodeOf(pidfd int) (uint64, error) {
	if !hasPidfs() {
		return 0, nil
	}
	var st unix.Stat_t
	err := unix.Fstat(pidfd, &st)
	return st.Ino, err
}

// pidfsMagic is the type of that file system (PID_FS_MAGIC, include/uapi/linux/magic.h).
const pidfsMagic = 0x50494446

var hasPidfs = sync.OnceValue(func() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Type == pidfsMagic
})

// isGone reports whether there is no process of that pid, not even a zombie.
func (linux) isGone(pid int) bool {
	_, err := unix.Getpgid(pid)
	return err == unix.ESRCH
}

// sendSignal sends a signal to the process that the pidfd was opened for, and to no
// other; one that is dead already is no error.
func (linux) sendSignal(pidfd int, sig unix.Signal) error {
	err := unix.PidfdSendSignal(pidfd, sig, nil, 0)
	if err == unix.ESRCH {
		return nil
	}
	return os.NewSyscallError("pidfd_send_signal", err)
}

var (
	errNotOurs  = errors.New("not our child")
	errNotEnded = errors.New("not to be waited for yet")
)

// endOf returns how a child ended that is dead, and leaves it a zombie, so that
// no other process gets its pid (waitid(P_PIDFD), Linux 5.4). The error is
// errNotOurs for a process that is another process's child, and errNotEnded for
// one that lives, or that a tracer has still to let go.
func (linux) endOf(pidfd int) (service.Exit, error) { return waitPidfd(pidfd, unix.WNOWAIT) }

// reap returns how a child ended, as endOf does, and does away with its zombie.
func (linux) reap(pidfd int) (service.Exit, error) {
	return waitPidfd(pidfd, 0)
}

func waitPidfd(pidfd, flags int) (service.Exit, error) {
	info, err := waitid(unix.P_PIDFD, pidfd, unix.WEXITED|unix.WNOHANG|flags)
	switch {
	case errors.Is(err, unix.ECHILD):
		return service.Exit{}, errNotOurs
	case err != nil:
		return service.Exit{}, os.NewSyscallError("waitid", err)
	case info.pid == 0:
		return service.Exit{}, errNotEnded
	}
	return info.exit(), nil
}

// exitInfo is how a process ended that is dead and reaped, whichever process
// its parent was (PIDFD_GET_INFO with PIDFD_INFO_EXIT, fs/pidfs.c, Linux 6.15). told is
// false where the kernel does not say so, or not yet.
func (linux) exitInfo(pidfd int) (exit service.Exit, told bool) {
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	if err := unix.IoctlPidfdInfo(pidfd, &info); err != nil || info.Mask&unix.PIDFD_INFO_EXIT == 0 {
		return service.Exit{}, false // older kernels have no such request, or no such answer
	}
	return exitOf(uint32(info.Exit_code)), true
}

// isReadable reports whether the process of a pidfd has ended, reaped or not.
func (linux) isReadable(pidfd int) bool {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, 0)
		if err != unix.EINTR { // a signal that is pending ends even a poll that does not wait
			return err == nil && n > 0
		}
	}
}

// hasChildren reports whether we have any child, dead or alive.
func (linux) hasChildren() bool {
	_, err := waitid(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
	return err == nil
}

// deadChild returns the pid of a child that waits to be reaped, 0 for none. It
// only looks.
func (linux) deadChild() (int, error) {
	info, err := waitid(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT)
	if errors.Is(err, unix.ECHILD) {
		return 0, nil
	}
	if err != nil {
		return 0, os.NewSyscallError("waitid", err)
	}
	return int(info.pid), nil
}

// childInfo is siginfo_t as waitid fills it (include/uapi/asm-generic/siginfo.h).
type childInfo struct {
	signo, errno, code int32
	_                  [unsafe.Sizeof(uintptr(0)) - 4]byte
	pid                int32
	uid                uint32
	status             int32
}

// waitid does not wait. To do away with a process takes the kernel longer than the
// runtime lets a system call keep its processor (P), unless it is a raw one; to get
// that back would take another 100 µs.
func waitid(idType, id, options int) (childInfo, error) {
	var info unix.Siginfo
	_, _, errno := unix.RawSyscall6(unix.SYS_WAITID, uintptr(idType), uintptr(id), uintptr(unsafe.Pointer(&info)), uintptr(options|unix.WNOHANG), 0, 0)
	if errno != 0 {
		return childInfo{}, errno
	}
	return *(*childInfo)(unsafe.Pointer(&info)), nil
}

// The values of si_code for SIGCHLD.
const (
	cldExited = 1
	cldDumped = 3
)

func (i childInfo) exit() service.Exit {
	e := service.Exit{Known: true}
	if i.code == cldExited {
		e.Code = int(i.status)
		return e
	}
	e.Signal, e.Core = int(i.status), i.code == cldDumped
	return e
}

// exitOf reads a raw wait status, as the connector tells it.
func exitOf(status uint32) service.Exit {
	w := unix.WaitStatus(status)
	if w.Exited() {
		return service.Exit{Known: true, Code: w.ExitStatus()}
	}
	return service.Exit{Known: true, Signal: int(w.Signal()), Core: w.CoreDump()}
}
