package procconn

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Dropped returns how many frames the kernel has dropped so far because the receive buffer was full: how many events an
// [ErrOverflow] stands for. What a filter has kept out is not among them. It counts modulo 2^32.
//
// The error is that of getsockopt(2), or wraps [os.ErrClosed]. The kernel side is SO_MEMINFO, SK_MEMINFO_DROPS
// (net/core/sock.c, Linux 4.12).
func (c *Conn) Dropped() (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("procconn: dropped: %w", err)
	}
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	switch {
	case c.closed.Load():
		err = os.ErrClosed
	case errno != 0:
		err = errors.Join(err, os.NewSyscallError("getsockopt", errno))
	}
	if err != nil {
		return 0, fmt.Errorf("procconn: dropped: %w", err)
	}
	return info[unix.SK_MEMINFO_DROPS], nil
}
