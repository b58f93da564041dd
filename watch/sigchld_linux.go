//go:build amd64 || arm64

package watch

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// CHLD is the one signal that comes when there is no time to lose: with the death
// of a child that is to be started anew. What os/signal does with it costs half
// of that restart: another thread wakes, and a goroutine, which takes the runtime's
// processor (P) from the loop's thread just when that wakes by the pidfd. So CHLD
// has a handler of its own, which is no Go and needs no P. The loop's thread, the
// parent of most children, is the first to be asked by the kernel: it does not block
// CHLD, and nothing else wakes. The handler can't be blocked from saying so, and
// must not be lost: it sends the loop's thread a signal that this does block.

// putAside is what the signalfd gets for a CHLD: to do nothing is its default
// action, so it is harmless in a process that has left the loop.
const putAside = unix.SIGWINCH

// loopPID and loopTID are the loop's thread; the handler reads them.
var loopPID, loopTID int32

// childHandler returns where the handler of CHLD is, and what it returns to.
func childHandler() (handler, restorer uintptr)

// sigaction is the kernel's.
type sigaction struct {
	handler, flags, restorer uintptr
	mask                     uint64
}

// The flags of a handler that Go can live with: on the signal stack, and system
// calls go on.
const (
	saRestorer = 0x04000000
	saOnStack  = 0x08000000
	saRestart  = 0x10000000
)

// catchChild has each CHLD put aside for the loop's thread, and one at once: for
// those that came before.
func catchChild(pid, tid int) error {
	atomic.StoreInt32(&loopPID, int32(pid))
	atomic.StoreInt32(&loopTID, int32(tid))
	sa := sigaction{flags: saRestorer | saOnStack | saRestart, mask: 1<<64 - 1}
	sa.handler, sa.restorer = childHandler()
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGCHLD), uintptr(unsafe.Pointer(&sa)), 0, unsafe.Sizeof(sa.mask), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return os.NewSyscallError("tgkill", unix.Tgkill(pid, tid, putAside))
}
