package watch

import (
	"errors"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// errGone is what openPidfd returns for a process that is dead and reaped.
var errGone = errors.New("no such process")

// openPidfd opens a process (pidfd_open, Linux 5.3). Whose it is, is for the
// caller to find out.
func openPidfd(pid int) (int, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	switch err {
	case nil:
		return fd, nil
	case unix.ESRCH:
		return -1, errGone
	}
	return -1, os.NewSyscallError("pidfd_open", err)
}

// send sends a signal to the process that the pidfd was opened for, and to no
// other; one that is dead already is no error.
func send(pidfd int, sig unix.Signal) error {
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

// reap takes the status of a dead child (waitid(P_PIDFD), Linux 5.4). The
// error is errNotOurs for a process that is somebody else's child, and
// errNotEnded for one that a tracer has still to let go.
func reap(pidfd int) (service.Exit, error) {
	info, err := waitid(unix.P_PIDFD, pidfd, unix.WEXITED|unix.WNOHANG)
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

// deadChild returns the pid of a child that waits to be reaped, 0 for none. It
// only looks.
func deadChild() (int, error) {
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

func waitid(idType, id, options int) (childInfo, error) {
	var info unix.Siginfo
	for {
		err := unix.Waitid(idType, id, &info, options, nil)
		if err != unix.EINTR {
			return *(*childInfo)(unsafe.Pointer(&info)), err
		}
	}
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
