package procconn_test

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

// BenchmarkTryReceive measures what it takes to read one queued event, and how much of the receive buffer one takes up.
func BenchmarkTryReceive(b *testing.B) {
	conn := dial(b)
	drain(b, conn)
	left := 0
	b.ReportAllocs()
	for b.Loop() {
		if left == 0 {
			b.StopTimer()
			left = 10000
			rename(b, left)
			b.ReportMetric(float64(queued(b, conn))/float64(left), "queued-bytes/event")
			b.StartTimer()
		}
		if _, ok, err := conn.TryReceive(); !ok || err != nil {
			b.Fatal(ok, err)
		}
		left--
	}
}

// BenchmarkTryReceiveEmpty is what a look at an empty queue costs.
func BenchmarkTryReceiveEmpty(b *testing.B) {
	conn := dial(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := conn.TryReceive(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProbe(b *testing.B) {
	conn := dial(b)
	for b.Loop() {
		if err := conn.Probe(func(procconn.Event) {}); err != nil {
			b.Fatal(err)
		}
	}
}

// rename makes n Comm events: it gives this thread the name that it has.
func rename(b *testing.B, n int) {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var name [16]byte
	for option := unix.PR_GET_NAME; n >= 0; n-- {
		if err := unix.Prctl(option, uintptr(unsafe.Pointer(&name)), 0, 0, 0); err != nil {
			b.Fatal(os.NewSyscallError("prctl", err))
		}
		option = unix.PR_SET_NAME
	}
}

// queued is how much of conn's receive buffer is in use, in bytes.
func queued(b testing.TB, conn *procconn.Conn) uint32 {
	b.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		b.Fatal(err)
	}
	var info [9]uint32 // include/uapi/linux/sock_diag.h: SK_MEMINFO_RMEM_ALLOC is the first
	size := uint32(unsafe.Sizeof(info))
	var errno unix.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err != nil || errno != 0 {
		b.Fatal(err, errno)
	}
	return info[0]
}
