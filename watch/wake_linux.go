package watch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// wake lets goroutines call a thread that waits in the kernel: an eventfd.
type wake struct{ fd int }

func newWake() (*wake, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	return &wake{fd}, nil
}

// call makes the descriptor readable. It is safe for concurrent use.
func (w *wake) call() {
	one := [8]byte{0: 1}
	if _, err := unix.Write(w.fd, one[:]); err != nil && err != unix.EAGAIN {
		panic(fmt.Sprintf("eventfd: %v", err)) // EAGAIN: it is readable as it is
	}
}

// clear makes it unreadable again.
func (w *wake) clear() {
	var n [8]byte
	if _, err := unix.Read(w.fd, n[:]); err != nil && err != unix.EAGAIN {
		panic(fmt.Sprintf("eventfd: %v", err))
	}
}

func (w *wake) close() error { return unix.Close(w.fd) }
