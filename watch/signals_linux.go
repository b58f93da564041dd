package watch

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// caught are the signals that mean something to a supervisor, and those that
// must not kill it by accident. CHLD has a way of its own, see catchChild.
var caught = []unix.Signal{
	unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP,
	unix.SIGPIPE, unix.SIGUSR1, unix.SIGUSR2,
}

// signals is the room of the signalfd.
//
// Go's runtime lets no thread keep these blocked but one that is locked and
// blocks them itself, so a signal mostly lands elsewhere: os/signal catches
// it there and it is sent on to the loop's thread, where it stays pending
// until the signalfd takes it.
type signals struct {
	fd   int
	done chan struct{}
	all  chan os.Signal
	mask unix.Sigset_t // the loop thread's mask before
}

// newSignals must be called on the loop's locked thread.
func newSignals() (*signals, error) {
	s := &signals{all: CatchSignals(), done: make(chan struct{})}
	var set unix.Sigset_t
	for _, sig := range append([]unix.Signal{putAside}, caught...) {
		addSignal(&set, sig)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &s.mask); err != nil {
		return nil, os.NewSyscallError("sigmask", err)
	}
	var err error
	if s.fd, err = unix.Signalfd(-1, &set, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK); err != nil {
		err = os.NewSyscallError("signalfd", err)
		return nil, errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &s.mask, nil))
	}
	go s.forward(os.Getpid(), unix.Gettid())
	return s, catchChild(os.Getpid(), unix.Gettid())
}

// forward sends what was caught to the loop's thread, until the room is
// closed. The thread lives longer than this room.
func (s *signals) forward(pid, tid int) {
	for {
		select {
		case sig := <-s.all:
			if err := unix.Tgkill(pid, tid, sig.(unix.Signal)); err != nil {
				panic(fmt.Sprintf("tgkill to our own thread: %v", err)) // it can't be gone
			}
		case <-s.done:
			return
		}
	}
}

// CatchSignals makes the signals that a supervisor knows harmless from now on.
// What comes before Run is heeded by Run; what comes after it is not. HUP and
// INT that the caller had ignored (nohup) mean nothing to Run either.
//
// Run calls it itself; a program with things to put away when it is told to
// end calls it before it has any.
var CatchSignals = sync.OnceValue(func() chan os.Signal {
	all := make(chan os.Signal, 64)
	for _, sig := range caught {
		if signal.Ignored(sig) {
			ignored = append(ignored, sig)
		}
		signal.Notify(all, sig)
	}
	return all
})

// ignored are the signals that CatchSignals found ignored.
var ignored []unix.Signal

func addSignal(set *unix.Sigset_t, sig unix.Signal) {
	bit := uint(sig) - 1
	width := uint(unsafe.Sizeof(set.Val[0]) * 8)
	set.Val[bit/width] |= 1 << (bit % width)
}

func (s *signals) FD() int { return s.fd }

// read hands out the signals that are pending.
func (s *signals) read(each func(sig unix.Signal)) error {
	for {
		var info unix.SignalfdSiginfo
		buf := (*[unsafe.Sizeof(info)]byte)(unsafe.Pointer(&info))
		switch _, err := unix.Read(s.fd, buf[:]); err {
		case nil:
			each(meant(unix.Signal(info.Signo)))
		case unix.EAGAIN:
			return nil
		default:
			return os.NewSyscallError("read signalfd", err)
		}
	}
}

// meant is the signal that was sent to us, by the one that the signalfd has.
func meant(sig unix.Signal) unix.Signal {
	if sig == putAside {
		return unix.SIGCHLD
	}
	return sig
}

func (s *signals) close() error {
	close(s.done)
	err := unix.Close(s.fd)
	if e := unix.PthreadSigmask(unix.SIG_SETMASK, &s.mask, nil); err == nil {
		err = e
	}
	return err
}
