package procconntest

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// Kernel is the kernel's end of a connector that is a fake. Its methods may be called from any goroutine.
type Kernel struct {
	t        testing.TB
	file     *os.File // our end of the socketpair
	socket   *socket  // the other
	seq      atomic.Uint32
	deaf     atomic.Bool
	refusal  atomic.Uint32
	overflow atomic.Bool
}

// New returns a Conn that has gone through all that procconn.Dial does, and the Kernel that it talks to. Both are closed
// when the test ends. What fails fails the test.
func New(t testing.TB) (*procconn.Conn, *Kernel) {
	t.Helper()
	k := NewKernel(t)
	conn, err := procconn.New(k.Socket())
	if err != nil {
		t.Fatal(err)
	}
	return conn, k
}

// NewKernel returns a Kernel without a listener. Give its Socket to procconn.New. It is closed when the test ends.
func NewKernel(t testing.TB) *Kernel {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &Kernel{t: t, file: os.NewFile(uintptr(fds[0]), "kernel")}
	k.socket = &socket{kernel: k, file: os.NewFile(uintptr(fds[1]), "procconn"), readBuffer: 212992}
	t.Cleanup(func() {
		_ = k.file.Close()
		_ = k.socket.Close()
	})
	return k
}

// Socket returns the end that is the program's.
func (k *Kernel) Socket() procconn.Socket { return k.socket }

// SetDeaf makes the kernel ignore LISTEN and tell nothing of the probes of a Conn, as in a pid namespace, or end that.
// Send still works: there, too, events can come while others listen.
func (k *Kernel) SetDeaf(deaf bool) { k.deaf.Store(deaf) }

// Refuse makes the kernel acknowledge LISTEN with an error; 0 ends that.
func (k *Kernel) Refuse(errno syscall.Errno) { k.refusal.Store(uint32(errno)) }

// Send sends events, in order. Those that the queue has no room for, after some 250, are dropped, and the Conn gets
// [procconn.ErrOverflow], as with the real kernel.
func (k *Kernel) Send(events ...procconn.Event) {
	k.t.Helper()
	for _, ev := range events {
		k.SendRaw(Frame(ev, k.seq.Add(1)))
	}
}

// SendRaw sends one frame, of any content but none at all.
func (k *Kernel) SendRaw(frame []byte) {
	k.t.Helper()
	var errno error
	err := control(k.file, func(fd int) { _, errno = unix.Write(fd, frame) })
	switch {
	case errors.Is(errno, unix.EAGAIN):
		k.overflow.Store(true)
	case errors.Is(errno, unix.EPIPE), errors.Is(errno, unix.ECONNRESET): // closed: the kernel has no listener
	case err != nil, errno != nil:
		k.t.Errorf("procconntest: send: %v", errors.Join(err, errno))
	}
}

// Overflow makes the Conn's next receive fail with [procconn.ErrOverflow], once, and its descriptor readable. Nothing that
// was sent is lost by it.
func (k *Kernel) Overflow() {
	k.overflow.Store(true)
	k.acknowledge(0) // another listener's LISTEN: something to read that is no event
}

// acknowledge answers the LISTEN whose cn_msg.ack was given.
func (k *Kernel) acknowledge(ack uint32) {
	var data [24]byte
	binary.NativeEndian.PutUint32(data[:], k.refusal.Load())
	k.SendRaw(frame(procconn.Event{Time: now()}, k.seq.Add(1), ack+1, data))
}

// renamed tells that a thread of this process was.
func (k *Kernel) renamed(name string) {
	ev := procconn.Event{Kind: procconn.Comm, Time: now(), PID: os.Getpid(), TGID: os.Getpid()}
	copy(ev.Comm[:15], name)
	k.Send(ev)
}

// socket is the program's end, a [procconn.Socket].
type socket struct {
	kernel     *Kernel
	file       *os.File
	readBuffer int
}

// Send is the kernel's work, done in the caller's system call as in the real one: the answer is queued when it returns.
func (s *socket) Send(msg []byte) error {
	const listen = 1 // PROC_CN_MCAST_LISTEN
	e := binary.NativeEndian
	if len(msg) != 24 || e.Uint32(msg) != 1 || e.Uint32(msg[4:]) != 1 || e.Uint32(msg[20:]) != listen {
		s.kernel.t.Errorf("procconntest: not a LISTEN: %x", msg)
	} else if !s.kernel.deaf.Load() {
		s.kernel.acknowledge(e.Uint32(msg[12:]))
	}
	return nil
}

func (s *socket) Receive(buf []byte, wait bool) (n int, err error) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	var errno error
	err = raw.Read(func(fd uintptr) bool {
		if s.kernel.overflow.Swap(false) {
			errno = syscall.ENOBUFS
			return true
		}
		n, errno = unix.Read(int(fd), buf)
		return !wait || !errors.Is(errno, unix.EAGAIN)
	})
	switch {
	case err != nil: // closed, perhaps while it waited
		return 0, err
	case errno != nil:
		return 0, errno
	case n == 0: // the Kernel is closed
		return 0, io.EOF
	}
	return n, nil
}

func (s *socket) Rename(name string) error {
	if !s.kernel.deaf.Load() {
		s.kernel.renamed(name)
		s.kernel.renamed("as before")
	}
	return nil
}

func (s *socket) ReadBuffer() (int, error) { return s.readBuffer, nil }

// SetReadBuffer pretends: the room there is stays as it was.
func (s *socket) SetReadBuffer(bytes int) error {
	s.readBuffer = 2 * bytes
	return nil
}

func (s *socket) SyscallConn() (syscall.RawConn, error) { return s.file.SyscallConn() }

func (s *socket) Close() error { return s.file.Close() }

// control calls f with file's descriptor, which stays open meanwhile.
func control(file *os.File, f func(fd int)) error {
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}

// now is the kernel's clock.
func now() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // cannot fail
	return time.Duration(ts.Nano())
}
