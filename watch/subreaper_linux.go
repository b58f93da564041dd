package watch

import (
	"os"

	"golang.org/x/sys/unix"
)

// becomeSubreaper makes the kernel give us every orphan of our descendants
// (PR_SET_CHILD_SUBREAPER, Linux 3.4). The process stays one.
func (linux) becomeSubreaper() error {
	return os.NewSyscallError("prctl(PR_SET_CHILD_SUBREAPER)", unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
}
