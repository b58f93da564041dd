package timer

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newTimer(t *testing.T) *Timer[string] {
	t.Helper()
	timer, err := New[string]()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := timer.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return timer
}

// readable waits until the descriptor is readable: at most ms milliseconds, for ever if negative.
func readable(t *testing.T, timer *Timer[string], ms int) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(timer.FD()), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, ms)
		if err == nil {
			return n > 0
		}
		if !errors.Is(err, unix.EINTR) {
			t.Fatal(err)
		}
	}
}

// armedFor is how long the kernel says that it will still wait; 0: disarmed.
func armedFor(t *testing.T, timer *Timer[string]) time.Duration {
	t.Helper()
	var spec unix.ItimerSpec
	if err := unix.TimerfdGettime(timer.FD(), &spec); err != nil {
		t.Fatal(err)
	}
	return time.Duration(spec.Value.Nano())
}

func expired(t *testing.T, timer *Timer[string], now time.Time) (keys []string) {
	t.Helper()
	if err := timer.Expired(now, func(key string) { keys = append(keys, key) }); err != nil {
		t.Fatal(err)
	}
	return keys
}

func set(t *testing.T, timer *Timer[string], key string, at time.Time) {
	t.Helper()
	if err := timer.Set(key, at); err != nil {
		t.Fatal(err)
	}
}

func unset(t *testing.T, timer *Timer[string], key string) {
	t.Helper()
	if err := timer.Clear(key); err != nil {
		t.Fatal(err)
	}
}

func TestTimerFiresInOrder(t *testing.T) {
	timer, start := newTimer(t), time.Now()
	set(t, timer, "second", start.Add(4*time.Millisecond))
	set(t, timer, "first", start.Add(2*time.Millisecond))
	var got []string
	for len(got) < 2 {
		readable(t, timer, -1)
		now := time.Now()
		got = append(got, expired(t, timer, now)...)
		if due := start.Add(time.Duration(len(got)) * 2 * time.Millisecond); now.Before(due) {
			t.Fatalf("%q came %v early", got, due.Sub(now))
		}
	}
	if !slices.Equal(got, []string{"first", "second"}) {
		t.Error(got)
	}
	if armedFor(t, timer) != 0 || readable(t, timer, 0) {
		t.Error("armed or readable with no deadline left")
	}
}

func TestTimerNeverEarly(t *testing.T) {
	timer := newTimer(t)
	for i := range 200 {
		due := time.Now().Add(time.Duration(i) * time.Microsecond)
		set(t, timer, "key", due)
		readable(t, timer, -1)
		if keys := expired(t, timer, time.Now()); len(keys) != 1 {
			t.Fatalf("deadline %d: readable, but nothing was due", i)
		}
	}
}

func TestTimerPast(t *testing.T) {
	for _, past := range []time.Time{{}, time.Unix(0, 0), time.Now().Add(-time.Hour), time.Now()} {
		timer := newTimer(t)
		set(t, timer, "past", past)
		readable(t, timer, -1)
		if keys := expired(t, timer, time.Now()); !slices.Equal(keys, []string{"past"}) {
			t.Errorf("%v: %q", past, keys)
		}
	}
}

func TestTimerFarFuture(t *testing.T) {
	timer := newTimer(t)
	set(t, timer, "far", time.Now().AddDate(1000, 0, 0))
	if left := armedFor(t, timer); left < 200*365*24*time.Hour {
		t.Errorf("armed for %v", left)
	}
}

// TestTimerKeepsWhatIsNotDue: an Expired whose now is before the deadline must not lose it, fired or not.
func TestTimerKeepsWhatIsNotDue(t *testing.T) {
	timer, start := newTimer(t), time.Now()
	set(t, timer, "key", start.Add(time.Millisecond))
	if keys := expired(t, timer, start); keys != nil {
		t.Fatal(keys)
	}
	readable(t, timer, -1)
	if keys := expired(t, timer, start); keys != nil { // fired, and yet the caller's clock says not due
		t.Fatal(keys)
	}
	readable(t, timer, -1)
	if keys := expired(t, timer, time.Now()); !slices.Equal(keys, []string{"key"}) {
		t.Error(keys)
	}
}

func TestTimerClear(t *testing.T) {
	timer, now := newTimer(t), time.Now()
	set(t, timer, "a", now.Add(-time.Second))
	set(t, timer, "b", now.Add(time.Hour))
	readable(t, timer, -1)
	unset(t, timer, "a") // fired, but not yet read
	if readable(t, timer, 0) {
		t.Error("readable for a deadline that was cleared")
	}
	if left := armedFor(t, timer); left < 59*time.Minute {
		t.Errorf("armed for %v", left)
	}
	unset(t, timer, "b")
	if armedFor(t, timer) != 0 {
		t.Error("armed for nothing")
	}
}

// TestTimerArmsOnlyForANewEarliest disarms the timerfd behind the Timer's back: it stays so until the Timer speaks to
// the kernel again.
func TestTimerArmsOnlyForANewEarliest(t *testing.T) {
	timer, now := newTimer(t), time.Now()
	first := now.Add(time.Hour)
	set(t, timer, "first", first)
	if err := unix.TimerfdSettime(timer.FD(), 0, &unix.ItimerSpec{}, nil); err != nil {
		t.Fatal(err)
	}
	set(t, timer, "later", now.Add(2*time.Hour))
	set(t, timer, "first", first)
	set(t, timer, "same", first)
	unset(t, timer, "later")
	unset(t, timer, "none")
	unset(t, timer, "same")
	expired(t, timer, now)
	if armedFor(t, timer) != 0 {
		t.Error("the kernel was told what it knew")
	}
	set(t, timer, "earlier", now.Add(time.Minute))
	if left := armedFor(t, timer); left == 0 || left > time.Minute {
		t.Errorf("armed for %v", left)
	}
}

func TestTimerSetWhileExpiring(t *testing.T) {
	timer, now := newTimer(t), time.Now()
	set(t, timer, "again", now)
	calls := 0
	err := timer.Expired(now, func(key string) {
		calls++
		set(t, timer, key, now)
	})
	if err != nil || calls != 1 {
		t.Fatalf("%d calls, %v", calls, err)
	}
	readable(t, timer, -1) // it is due again, in the next turn
}

func TestTimerClose(t *testing.T) {
	before := openFDs(t)
	timer := newTimer(t)
	fd := timer.FD()
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("close-on-exec: %v, %v", flags, err)
	}
	if err := timer.Close(); err != nil {
		t.Fatal(err)
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	for name, err := range map[string]error{
		"Set":     timer.Set("key", time.Now()),
		"Clear":   timer.Clear("key"),
		"Expired": timer.Expired(time.Now(), func(string) {}),
		"Close":   timer.Close(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
	if timer.FD() != -1 {
		t.Error("a closed timer has a descriptor")
	}
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func ExampleTimer() {
	timer, err := New[string]()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer timer.Close()

	now := time.Now()
	_ = timer.Set("kill", now.Add(2*time.Millisecond))
	_ = timer.Set("restart", now.Add(time.Millisecond))
	_ = timer.Set("kill", now.Add(time.Hour)) // moved: it cannot fire at its old time

	// A real loop has the descriptor in its epoll set, beside others.
	fds := []unix.PollFd{{Fd: int32(timer.FD()), Events: unix.POLLIN}}
	for n := 0; n == 0; {
		n, _ = unix.Poll(fds, -1)
	}
	_ = timer.Expired(time.Now(), func(key string) { fmt.Println(key) })
	// Output: restart
}
