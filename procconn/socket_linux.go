package procconn

import (
	"runtime"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Dial connects to the process events connector: it joins the multicast group, says LISTEN, demands the acknowledgement
// and then probes (see [Conn.Probe]). It does not wait for anything. What happened before Dial returns may or may not be
// among the events received later.
//
// The error wraps [ErrUnavailable] if the kernel has no events for us, with the reason, and [ErrDeaf] if it says that it
// has and sends none; else it is what socket(2), bind(2) and so on said, such as EMFILE.
//
// The kernel side is drivers/connector/cn_proc.c, Linux 2.6.15; without CAP_NET_ADMIN since 6.6.
func Dial() (*Conn, error) {
	conn, err := netlink.Dial(unix.NETLINK_CONNECTOR, &netlink.Config{Groups: 1 << (cnIdxProc - 1)})
	if err != nil {
		return nil, dialError(err)
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		_ = conn.Close()
		return nil, dialError(err)
	}
	s := &netlinkSocket{Conn: conn, raw: raw}
	s.receive = s.recvfrom
	return New(s)
}

// netlinkSocket is the [Socket] of the real kernel. What it does not say here is done by the netlink.Conn.
type netlinkSocket struct {
	*netlink.Conn
	raw syscall.RawConn

	// netlink.Conn.Receive waits, peeks and allocates, so frames are read here, by one system call each. receive is
	// recvfrom, and what follows is its arguments and results: a closure made for each call would be an allocation.
	receive func(fd uintptr) bool
	buf     []byte
	wait    bool
	n       int
	errno   syscall.Errno
	from    unix.RawSockaddrNetlink
	fromLen uint32
}

func (s *netlinkSocket) Send(msg []byte) error {
	_, err := s.Conn.Send(netlink.Message{Header: netlink.Header{Type: netlink.Done}, Data: msg})
	return err
}

func (s *netlinkSocket) Receive(buf []byte, wait bool) (int, error) {
	s.buf, s.wait = buf, wait
	if err := s.raw.Read(s.receive); err != nil {
		return 0, err
	}
	if s.errno != 0 {
		return 0, s.errno
	}
	if s.from.Pid != 0 { // a process with CAP_NET_ADMIN can send to us; the kernel's own port is 0
		return 0, nil
	}
	return s.n, nil
}

// recvfrom is called by the RawConn, and again when the descriptor is readable if it returns false.
func (s *netlinkSocket) recvfrom(fd uintptr) bool {
	s.fromLen = uint32(unsafe.Sizeof(s.from))
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(s.buf))), uintptr(len(s.buf)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&s.from)), uintptr(unsafe.Pointer(&s.fromLen)))
	s.n, s.errno = int(n), errno
	return !s.wait || errno != unix.EAGAIN
}

// Rename uses prctl(PR_SET_NAME), Linux 2.6.9 (kernel/sys.c), which tells the connector since 3.2.
func (s *netlinkSocket) Rename(name string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, other [16]byte
	if err := prctlName(unix.PR_GET_NAME, &old); err != nil {
		return err
	}
	copy(other[:15], name)
	if err := prctlName(unix.PR_SET_NAME, &other); err != nil {
		return err
	}
	return prctlName(unix.PR_SET_NAME, &old)
}

func prctlName(option int, name *[16]byte) error {
	return unix.Prctl(option, uintptr(unsafe.Pointer(name)), 0, 0, 0)
}

func (s *netlinkSocket) SyscallConn() (syscall.RawConn, error) { return s.raw, nil }
