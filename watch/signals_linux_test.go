package watch

import (
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openSignals opens the room on this goroutine's own thread.
func openSignals(t *testing.T) *signals {
	t.Helper()
	runtime.LockOSThread()
	s, err := newSignals()
	check(t, err)
	t.Cleanup(func() {
		check(t, s.close())
		runtime.UnlockOSThread()
	})
	return s
}

// churn makes the runtime do what could lose a signal: collect garbage, end
// threads and fork.
func churn(t *testing.T, forks bool) (stop func()) {
	var all sync.WaitGroup
	var over atomic.Bool
	forEver := func(f func()) {
		all.Go(func() {
			for !over.Load() {
				f()
			}
		})
	}
	forEver(runtime.GC)
	forEver(func() {
		ended := make(chan bool)
		go func() {
			runtime.LockOSThread() // its thread ends with it
			close(ended)
		}()
		<-ended
	})
	if forks {
		p := program(t, "true")
		forEver(func() {
			pid, err := syscall.ForkExec(p.Path, p.Args, &syscall.ProcAttr{})
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = unix.Wait4(pid, nil, 0, nil)
		})
	}
	return func() {
		over.Store(true)
		all.Wait()
	}
}

// next waits until a signal of this kind was read, and drops all others.
func (s *signals) next(t *testing.T, want unix.Signal) {
	t.Helper()
	for got := false; !got; {
		readable(t, s.fd)
		check(t, s.read(func(sig unix.Signal) { got = got || sig == want }))
	}
}

// Of 2,000 signals each arrives, whichever thread the kernel gave it to.
func TestEverySignalArrives(t *testing.T) {
	const many = 2000
	s := openSignals(t)
	defer churn(t, true)()
	for range many {
		check(t, unix.Kill(os.Getpid(), unix.SIGTERM)) // the last one was read, so none is merged with it
		s.next(t, unix.SIGTERM)
	}
}

func TestEveryCaughtSignalArrives(t *testing.T) {
	s := openSignals(t)
	for _, sig := range append([]unix.Signal{unix.SIGCHLD}, caught...) {
		check(t, unix.Kill(os.Getpid(), sig))
		s.next(t, sig)
	}
}

// After each death there is a CHLD to read; several may be one.
func TestEveryDeathIsTold(t *testing.T) {
	s := openSignals(t)
	defer churn(t, false)()
	for range 200 {
		_, pidfd := run(t, "true")
		for !isDead(pidfd) {
			s.next(t, unix.SIGCHLD)
		}
		_, err := takeEnd(pidfd)
		check(t, err)
	}
}

func TestSignalsCloseGivesAllBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := mask(t)
	s, err := newSignals()
	check(t, err)
	if mask(t) == before {
		t.Error("blocks nothing: signals would not stay for the signalfd")
	}
	check(t, s.close())
	if after := mask(t); after != before {
		t.Errorf("mask %v, was %v", after, before)
	}
	// What comes now is caught still, and means nothing.
	check(t, unix.Kill(os.Getpid(), unix.SIGTERM))
	for sig := range CatchSignals() {
		if sig == unix.SIGTERM {
			return
		}
	}
}

// mask is the signal mask of this thread.
func mask(t *testing.T) (set unix.Sigset_t) {
	t.Helper()
	check(t, unix.PthreadSigmask(unix.SIG_BLOCK, nil, &set))
	return set
}
