package procconn_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// The tests of this file run the real filters, in the kernel, on frames of a fake connector.

// track returns an empty Set on conn.
func track(t testing.TB, conn *procconn.Conn) *procconn.Set {
	t.Helper()
	set, err := conn.Track(procconn.SetSize)
	if errors.Is(err, procconn.ErrNoBPF) {
		unmet(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	return set
}

func add(t testing.TB, set *procconn.Set, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		if err := set.Add(pid); err != nil {
			t.Fatal(err)
		}
	}
}

// births returns what is in the set, by pid, and checks the order.
func births(t testing.TB, set *procconn.Set) map[int]procconn.Birth {
	t.Helper()
	list, err := set.Births()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(list, func(a, b procconn.Birth) int { return cmp.Compare(a.Time, b.Time) }) {
		t.Errorf("not in the order of time: %v", list)
	}
	all := map[int]procconn.Birth{}
	for _, b := range list {
		all[b.PID] = b
	}
	if len(all) != len(list) {
		t.Errorf("the same pid twice: %v", list)
	}
	return all
}

func lost(t testing.TB, set *procconn.Set) uint64 {
	t.Helper()
	n, err := set.Lost()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ours makes the process self of an event this one.
func ours(ev procconn.Event) procconn.Event {
	if ev.TGID == self {
		ev.TGID = os.Getpid()
	}
	return ev
}

func TestFilterInKernel(t *testing.T) {
	for name, attach := range map[string]func(*testing.T, *procconn.Conn){
		"classic": func(t *testing.T, conn *procconn.Conn) {
			if err := conn.Filter([]int{20, 10}); err != nil {
				t.Fatal(err)
			}
		},
		"set": func(t *testing.T, conn *procconn.Conn) { add(t, track(t, conn), 20, 10) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, kernel := procconntest.New(t)
			drain(t, conn)
			for _, tt := range filterCases {
				attach(t, conn) // anew, since events change a set
				kernel.Send(ours(tt.ev))
				if got := drain(t, conn); (len(got) == 1) != tt.passes || len(got) == 1 && got[0] != ours(tt.ev) {
					t.Errorf("%s: %+v", tt.name, got)
				}
				kernel.SendRaw(procconntest.Frame(tt.ev, 1)[:40])
			}
			if got := drain(t, conn); len(got) != 0 || conn.Skipped() != 0 {
				t.Errorf("frames cut short pass: %+v, %d skipped", got, conn.Skipped())
			}
			if err := conn.Probe(func(procconn.Event) {}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSetModel compares the filter and its map with a plain program, event by event.
func TestSetModel(t *testing.T) {
	conn, kernel := procconntest.New(t)
	set := track(t, conn)
	drain(t, conn)
	random := rand.New(rand.NewPCG(1, 2))
	model := map[int]procconn.Birth{}
	for i := range 5000 {
		pid := random.IntN(60)
		switch old, known := model[pid]; random.IntN(10) {
		case 0:
			add(t, set, pid)
			if !known {
				model[pid] = procconn.Birth{PID: pid}
			}
		case 1:
			born := old.Time + time.Duration(random.IntN(2))
			if err := set.Forget(pid, born); err != nil {
				t.Fatal(err)
			}
			if known && born == old.Time {
				delete(model, pid)
			}
		default:
			ev := randomEvent(random, func() int { return random.IntN(60) })
			ev.Time = time.Duration(i)<<32 + 5
			kernel.Send(ev)
			want := setModel(model, ev)
			if got := drain(t, conn); (len(got) == 1) != want {
				t.Fatalf("%+v: passed %v", ev, got)
			}
		}
		if got := births(t, set); !maps.Equal(got, model) {
			t.Fatalf("%v\nwant %v", got, model)
		}
	}
	if n := lost(t, set); n != 0 {
		t.Errorf("%d lost", n)
	}
}

// setModel is what the filter does, and returns whether it passes the event.
func setModel(model map[int]procconn.Birth, ev procconn.Event) bool {
	_, isKnown := model[ev.TGID]
	_, isBelow := model[ev.ParentTGID]
	switch {
	case ev.Kind == procconn.Comm:
		return ev.TGID == os.Getpid()
	case ev.IsThread():
		return false
	case ev.Kind == procconn.Fork && isBelow:
		model[ev.TGID] = procconn.Birth{PID: ev.TGID, Parent: ev.ParentTGID, Time: ev.Time}
		return true
	case ev.Kind == procconn.Fork:
		delete(model, ev.TGID)
		return isKnown
	}
	return isKnown && (ev.Kind == procconn.Exec || ev.Kind == procconn.Exit)
}

// TestSetFull: what finds no room is counted, passes, and has room again when others are forgotten.
func TestSetFull(t *testing.T) {
	conn, kernel := procconntest.New(t)
	track(t, conn) // or skip
	set, err := conn.Track(4)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	drain(t, conn)
	add(t, set, 10)
	for pid := 20; pid < 30; pid++ {
		kernel.Send(fork4(10, 10, pid, pid))
	}
	if n := len(drain(t, conn)); n != 10 {
		t.Errorf("%d of 10 pass", n)
	}
	if n, m := lost(t, set), len(births(t, set)); n != 7 || m != 4 {
		t.Errorf("%d lost, %d kept", n, m)
	}
	if err := set.Add(30); !errors.Is(err, unix.E2BIG) {
		t.Error(err)
	}
	if err := set.Forget(20, 0); err != nil {
		t.Error(err)
	}
	add(t, set, 29)
	if n := lost(t, set); n != 7 {
		t.Errorf("%d lost", n)
	}
}

// TestFiltersReplaceEachOther: there is one at a time, and a closed Set's goes on.
func TestFiltersReplaceEachOther(t *testing.T) {
	conn, kernel := procconntest.New(t)
	set := track(t, conn)
	add(t, set, 10)
	kernel.Send(fork4(10, 10, 11, 11), fork4(11, 11, 12, 12))
	if err := set.Close(); err != nil {
		t.Error(err)
	}
	drain(t, conn)
	hears := func(pid int) bool {
		kernel.Send(procconn.Event{Kind: procconn.Exec, PID: pid, TGID: pid})
		return len(drain(t, conn)) == 1
	}
	if !hears(12) || hears(1) {
		t.Error("the filter of a closed set is not what it was")
	}
	err := conn.Filter([]int{13})
	if err != nil || hears(12) || !hears(13) {
		t.Error("Filter does not replace Track", err)
	}
	err = conn.Filter(nil)
	if err != nil || hears(13) {
		t.Error("Filter does not replace Filter", err)
	}
	for range 2 { // and the second time there is none
		if err := conn.Unfilter(); err != nil || !hears(1) {
			t.Error("a filter is left", err)
		}
	}
	add(t, track(t, conn), 10)
	if hears(12) || !hears(10) {
		t.Error("the second set is not empty")
	}
}

func TestFilterClosed(t *testing.T) {
	fake, _ := procconntest.New(t)
	for _, conn := range []*procconn.Conn{fake, dial(t)} {
		set := track(t, conn)
		for range 2 {
			if err := set.Close(); err != nil {
				t.Error(err)
			}
		}
		_, errBirths := set.Births()
		_, errLost := set.Lost()
		_ = conn.Close()
		_, errTrack := conn.Track(procconn.SetSize)
		for i, err := range []error{
			errBirths, errLost, set.Add(1), set.Forget(1, 0), errTrack, conn.Filter(nil), conn.Unfilter(),
		} {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("%d: %v", i, err)
			}
		}
	}
}

// TestFilterSize: the longest list fits a socket as it was before Linux 6.7, twice, since the old goes after the new comes.
// The setting is that of a network namespace.
func TestFilterSize(t *testing.T) {
	out, err := child("longest", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}).CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		unmet(t, "no new namespace: ", err)
	}
	if err != nil || len(out) != 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// longestFilters is the child of TestFilterSize.
func longestFilters() {
	// Before 6.7 there is no such file but in the first namespace, and this is what it says.
	_ = os.WriteFile("/proc/sys/net/core/optmem_max", []byte("20480"), 0)
	conn, _ := procconntest.New(new(testing.B))
	pids := make([]int, procconn.FilterLimit)
	for i := range pids {
		pids[i] = 0x80 + i<<8 // as bad as it gets, on a little-endian machine
	}
	for range 3 {
		if err := conn.Filter(pids); err != nil {
			fmt.Println(err)
		}
	}
}

func TestFiltersLeakNothing(t *testing.T) {
	conn, _ := procconntest.New(t)
	limit := memlock(t)
	track(t, conn)
	before := openFDs(t)
	for range 10 {
		set := track(t, conn)
		if err := errors.Join(set.Close(), conn.Filter([]int{1}), conn.Unfilter()); err != nil {
			t.Fatal(err)
		}
		t.Run("", func(t *testing.T) {
			gone, _ := procconntest.New(t)
			_ = gone.Close()
			if _, err := gone.Track(procconn.SetSize); err == nil {
				t.Fatal("no error")
			}
		})
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	if after := memlock(t); after != limit {
		t.Errorf("limit on locked memory %+v, %+v before", after, limit)
	}
}

func memlock(t *testing.T) (limit unix.Rlimit) {
	t.Helper()
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		t.Fatal(err)
	}
	return limit
}
