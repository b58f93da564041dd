package main

import (
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Our own turns: a hundred, one of which is long.
func TestTurnMeter(t *testing.T) {
	const turns, long = 100, 20 * time.Millisecond
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(epoll)
	meter, err := meterTurns(os.Getpid())
	if err != nil {
		unmet(t, err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for i := range turns + 1 {
		if _, err := unix.EpollWait(epoll, make([]unix.EpollEvent, 1), 0); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if i == turns/2 {
			time.Sleep(long)
		}
	}
	took, err := meter.read()
	if err != nil {
		t.Fatal(err)
	}
	if len(took) < turns || slices.Max(took) < milliseconds(long) {
		t.Errorf("%d turns, the longest took %v ms", len(took), slices.Max(append(took, 0)))
	}
	if err := meter.close(); err != nil {
		t.Error(err)
	}
}

// unmet skips the test, or fails it where all tests are required.
func unmet(t *testing.T, why ...any) {
	t.Helper()
	if os.Getenv("RESPAWNER_REQUIRE") == "all" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}
