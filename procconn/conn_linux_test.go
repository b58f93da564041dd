package procconn_test

import (
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// The tests of this file talk to a fake kernel.

var (
	fork = procconn.Event{Kind: procconn.Fork, ParentPID: 11, ParentTGID: 10, PID: 20, TGID: 20}
	exit = procconn.Event{Kind: procconn.Exit, PID: 20, TGID: 20, ExitCode: 9, ExitSignal: 17, ParentPID: 11, ParentTGID: 10}
)

// broken is a fake kernel's socket of which single methods are replaced.
type broken struct {
	procconn.Socket
	send   func(msg []byte) error
	rename func(name string) error
}

func (b *broken) Send(msg []byte) error {
	if b.send != nil {
		return b.send(msg)
	}
	return b.Socket.Send(msg)
}

func (b *broken) Rename(name string) error {
	if b.rename != nil {
		return b.rename(name)
	}
	return b.Socket.Rename(name)
}

func TestNew(t *testing.T) {
	failing := func(err error) func(*broken, *procconntest.Kernel) {
		return func(b *broken, _ *procconntest.Kernel) { b.send = func([]byte) error { return err } }
	}
	for _, tt := range []struct {
		name string
		set  func(*broken, *procconntest.Kernel)
		is   error
		text string
	}{
		{"granted", func(*broken, *procconntest.Kernel) {}, nil, ""},
		{"ignored", func(_ *broken, k *procconntest.Kernel) { k.SetDeaf(true) }, procconn.ErrUnavailable, "not acknowledged"},
		{"refused", func(_ *broken, k *procconntest.Kernel) { k.Refuse(syscall.EPERM) }, procconn.ErrUnavailable, "CAP_NET_ADMIN"},
		{"refused, errno", func(_ *broken, k *procconntest.Kernel) { k.Refuse(syscall.EINVAL) }, syscall.EINVAL, "dial"},
		{"network namespace", failing(syscall.ECONNREFUSED), procconn.ErrUnavailable, "network namespace"},
		{"not in the kernel", failing(syscall.EPROTONOSUPPORT), procconn.ErrUnavailable, "CONFIG_CONNECTOR"},
		{"out of memory", failing(syscall.ENOMEM), syscall.ENOMEM, "dial"},
		{"another listener's acknowledgement", func(b *broken, _ *procconntest.Kernel) {
			b.send = func(msg []byte) error {
				binary.NativeEndian.PutUint32(msg[12:], binary.NativeEndian.Uint32(msg[12:])+1)
				return b.Socket.Send(msg)
			}
		}, procconn.ErrUnavailable, "not acknowledged"},
		{"overflow", func(_ *broken, k *procconntest.Kernel) { k.Overflow() }, nil, ""},
		{"acknowledgement lost in an overflow", func(b *broken, k *procconntest.Kernel) {
			b.send = func([]byte) error {
				k.Overflow()
				b.send = nil
				return nil
			}
		}, nil, ""},
		{"overflow before the probe", func(b *broken, k *procconntest.Kernel) {
			b.rename = func(string) error {
				k.Overflow()
				b.rename = nil
				return nil
			}
		}, nil, ""},
		{"deaf", func(b *broken, _ *procconntest.Kernel) { b.rename = func(string) error { return nil } }, procconn.ErrDeaf, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			kernel := procconntest.NewKernel(t)
			socket := &broken{Socket: kernel.Socket()}
			tt.set(socket, kernel)
			conn, err := procconn.New(socket)
			if !errors.Is(err, tt.is) || err != nil && !strings.Contains(err.Error(), tt.text) {
				t.Fatalf("%v, want %v with %q", err, tt.is, tt.text)
			}
			if errors.Is(tt.is, procconn.ErrUnavailable) != errors.Is(err, procconn.ErrUnavailable) {
				t.Errorf("%v is ErrUnavailable, or is not", err)
			}
			if (conn == nil) != (err != nil) {
				t.Errorf("conn %v, error %v", conn, err)
			}
		})
	}
}

func TestTryReceive(t *testing.T) {
	conn, kernel := procconntest.New(t)
	drain(t, conn)
	kernel.Send(fork, exit)
	kernel.SendRaw([]byte("what is this?"))
	kernel.SendRaw(procconntest.Frame(procconn.Event{Kind: 0x400}, 1))
	kernel.Send(exit)
	if got := drain(t, conn); !slices.Equal(got, []procconn.Event{fork, exit, exit}) {
		t.Errorf("%+v", got)
	}
	if conn.Skipped() != 2 {
		t.Errorf("%d frames skipped", conn.Skipped())
	}
}

func TestOverflowIsToldFirstAndOnce(t *testing.T) {
	conn, kernel := procconntest.New(t)
	drain(t, conn)
	kernel.Send(fork)
	kernel.Overflow()
	if _, ok, err := conn.TryReceive(); ok || !errors.Is(err, procconn.ErrOverflow) {
		t.Fatal(ok, err)
	}
	if got := drain(t, conn); !slices.Equal(got, []procconn.Event{fork}) {
		t.Errorf("%+v", got)
	}
}

func TestFakeQueueOverflows(t *testing.T) {
	conn, kernel := procconntest.New(t)
	drain(t, conn)
	for range 10000 {
		kernel.Send(fork)
	}
	if _, _, err := conn.TryReceive(); !errors.Is(err, procconn.ErrOverflow) {
		t.Fatal(err)
	}
	if n := len(drain(t, conn)); n == 0 || n > conn.Capacity() {
		t.Errorf("%d events were left, of a capacity of %d", n, conn.Capacity())
	}
}

func TestProbeHandsOnWhatItPasses(t *testing.T) {
	conn, kernel := procconntest.New(t)
	drain(t, conn)
	var passed []procconn.Event
	each := func(ev procconn.Event) { passed = append(passed, ev) }

	kernel.Send(fork, exit)
	if err := conn.Probe(each); err != nil || !slices.Equal(passed, []procconn.Event{fork, exit}) {
		t.Errorf("%v, %+v", err, passed)
	}
	drain(t, conn)
	passed = nil
	kernel.SetDeaf(true)
	kernel.Send(exit)
	if err := conn.Probe(each); !errors.Is(err, procconn.ErrDeaf) || !slices.Equal(passed, []procconn.Event{exit}) {
		t.Errorf("%v, %+v", err, passed)
	}
	kernel.SetDeaf(false)
	kernel.Overflow()
	if err := conn.Probe(each); !errors.Is(err, procconn.ErrOverflow) {
		t.Error(err)
	}
}

func TestReceiveAndClose(t *testing.T) {
	conn, kernel := procconntest.New(t)
	drain(t, conn)
	type result struct {
		ev  procconn.Event
		err error
	}
	results := make(chan result)
	go func() {
		for {
			ev, err := conn.Receive()
			results <- result{ev, err}
			if err != nil && !errors.Is(err, procconn.ErrOverflow) {
				return
			}
		}
	}()
	kernel.Send(fork)
	if r := <-results; r.err != nil || r.ev != fork {
		t.Errorf("%+v, %v", r.ev, r.err)
	}
	kernel.Overflow()
	if r := <-results; !errors.Is(r.err, procconn.ErrOverflow) {
		t.Errorf("%+v, %v", r.ev, r.err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if r := <-results; !errors.Is(r.err, os.ErrClosed) {
		t.Errorf("%+v, %v", r.ev, r.err)
	}
	if err := conn.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
	kernel.Send(fork) // there is no listener
}

func TestEpoll(t *testing.T) {
	conn, kernel := procconntest.New(t)
	drain(t, conn)
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(epoll)
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, int(fd), &ev); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	ready := func() bool {
		n, err := unix.EpollWait(epoll, make([]unix.EpollEvent, 1), 0)
		return n == 1 && err == nil
	}
	for name, cause := range map[string]func(){"an event": func() { kernel.Send(fork) }, "an overflow": kernel.Overflow} {
		if ready() {
			t.Error("readable for nothing")
		}
		cause()
		if !ready() {
			t.Errorf("not readable for %s", name)
		}
		for range conn.Capacity() {
			_, _, _ = conn.TryReceive()
		}
	}
}

func TestCapacity(t *testing.T) {
	conn, _ := procconntest.New(t)
	small := conn.Capacity()
	if err := conn.SetReadBuffer(1 << 20); err != nil {
		t.Fatal(err)
	}
	if n := conn.Capacity(); small < 256 || n < 2<<20/832 {
		t.Errorf("%d, then %d", small, n)
	}
}

func TestFakeLeaksNothing(t *testing.T) {
	procconntest.New(t)
	before := openFDs(t)
	for range 10 {
		t.Run("", func(t *testing.T) { procconntest.New(t) })
		t.Run("", func(t *testing.T) {
			kernel := procconntest.NewKernel(t)
			kernel.SetDeaf(true)
			_, _ = procconn.New(kernel.Socket())
		})
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
