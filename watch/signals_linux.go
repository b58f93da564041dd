package watch

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
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
	done chan struct{} // closed: the forwarder is to end
	left chan struct{} // closed: it has
	all  chan os.Signal
	mask unix.Sigset_t // the loop thread's mask before
}

// newSignals must be called on the loop's locked thread.
func newSignals() (*signals, error) {
	s := &signals{all: CatchSignals()}
	set := caughtSet()
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &s.mask); err != nil {
		return nil, os.NewSyscallError("sigmask", err)
	}
	var err error
	if s.fd, err = unix.Signalfd(-1, &set, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK); err != nil {
		err = os.NewSyscallError("signalfd", err)
		return nil, errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &s.mask, nil))
	}
	s.goForward()
	return s, catchChild(os.Getpid(), unix.Gettid())
}

// goForward must be called on the loop's thread.
func (s *signals) goForward() {
	s.done, s.left = make(chan struct{}), make(chan struct{})
	go s.forward(os.Getpid(), unix.Gettid())
}

func (s *signals) endForward() {
	close(s.done)
	<-s.left
}

// hold has signals wait in the kernel from now on, and what was caught before come out of the signalfd, until
// resume is called: so none is lost by an exec, for what waits is handed on to the new process image.
//
// That image can't keep them waiting. Go unblocks signals that end a process on each thread that it begins
// (runtime.blockableSig), so what has come since the exec kills, until CatchSignals is called.
//
// With cgo there is no such call for all threads: then a signal that comes in the moment of an exec may be lost.
func (s *signals) hold() (resume func(), err error) {
	if err := onAllThreads(unix.SIG_BLOCK); err != nil {
		return func() {}, nil
	}
	s.endForward()
	awaitCaught()
	for len(s.all) > 0 && err == nil {
		err = os.NewSyscallError("tgkill", unix.Tgkill(os.Getpid(), unix.Gettid(), (<-s.all).(unix.Signal)))
	}
	return func() {
		s.goForward()
		err := onAllThreads(unix.SIG_UNBLOCK)
		set := caughtSet()
		if err = errors.Join(err, unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil)); err != nil {
			panic(fmt.Sprintf("signals: %v", err)) // it was allowed a moment ago
		}
	}, err
}

// awaitCaught waits until all signals that were caught are in their channels: so long takes the end
// of any other channel. That of the last one for a signal would have Go unblock it.
func awaitCaught() {
	another := make(chan os.Signal, 1)
	signal.Notify(another, unix.SIGUSR2)
	signal.Stop(another)
}

// onAllThreads blocks what we catch on all threads, or takes that back.
func onAllThreads(how uintptr) error {
	set := caughtSet()
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_RT_SIGPROCMASK, how, uintptr(unsafe.Pointer(&set)), 0, sigsetSize, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigprocmask", errno)
	}
	return nil
}

// sigsetSize is that of the kernel's sigset_t, in bytes.
const sigsetSize = 8

// caughtSet returns what is blocked on the loop's thread.
func caughtSet() (set unix.Sigset_t) {
	for _, sig := range append([]unix.Signal{putAside}, caught...) {
		addSignal(&set, sig)
	}
	return set
}

// forward sends what was caught to the loop's thread, until the room is
// closed. The thread lives longer than this room.
func (s *signals) forward(pid, tid int) {
	defer close(s.left)
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
	s.endForward()
	err := unix.Close(s.fd)
	if e := unix.PthreadSigmask(unix.SIG_SETMASK, &s.mask, nil); err == nil {
		err = e
	}
	return err
}
