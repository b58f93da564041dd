package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// planEnv makes the test binary a supervisor: its value is a plan, as JSON.
const planEnv = "WATCH_TEST_PLAN"

// patient is far more than anything here takes, where nothing is wrong.
const patient = time.Minute

// host is the kernel we run on.
var host linux

func TestMain(m *testing.M) {
	if path := os.Getenv(siblingEnv); path != "" {
		begetSibling(path)
	}
	if target := os.Getenv(tracerEnv); target != "" {
		trace(target)
	}
	if path := os.Getenv(outputEnv); path != "" {
		holdOutput(path)
	}
	if group := os.Getenv(threadsEnv); group != "" {
		holdUpThreads(group)
	}
	if path := os.Getenv(frozenEnv); path != "" {
		freeze(path)
	}
	if text := os.Getenv(planEnv); text != "" {
		var p plan
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			panic(err)
		}
		supervise(p)
		os.Exit(0)
	}
	warmUp()
	before := takeStock()
	code := m.Run()
	if why := before.leaked(); code == 0 && why != "" {
		fmt.Println("FAIL: leaked:", why)
		code = 1
	}
	os.Exit(code)
}

// warmUp has the runtime open and begin what it then keeps. What we inherited
// would else be inherited by all that is started.
func warmUp() {
	for _, f := range must(os.ReadDir("/proc/self/fd")) { // close_range(2) can do that since Linux 5.11
		if fd := must(strconv.Atoi(f.Name())); fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	s, err := newSignals() // os/signal's goroutine
	if err == nil {
		err = s.close()
	}
	r, w, perr := os.Pipe() // the netpoller
	if err != nil || perr != nil {
		panic(fmt.Sprint(err, perr))
	}
	_, _ = r.Close(), w.Close()
}

// stock is what a process has.
type stock struct {
	Descriptors string
	Children    string
	Goroutines  int
}

func takeStock() stock {
	return stock{descriptors("self"), strings.Join(children(), " "), runtime.NumGoroutine()}
}

// leaked returns what is more than it was. Goroutines and threads that are about
// to end have a while for it.
func (before stock) leaked() string {
	var why []string
	now := takeStock()
	for end := time.Now().Add(10 * time.Second); now.Goroutines > before.Goroutines && time.Now().Before(end); now = takeStock() {
		time.Sleep(time.Millisecond)
	}
	if now.Descriptors != before.Descriptors {
		why = append(why, fmt.Sprintf("descriptors: %s; before: %s", now.Descriptors, before.Descriptors))
	}
	if now.Children != before.Children {
		why = append(why, fmt.Sprintf("children: %s; before: %q", now.Children, before.Children))
	}
	if now.Goroutines > before.Goroutines {
		var stacks [1 << 16]byte
		why = append(why, fmt.Sprintf("goroutines: %d, before: %d\n%s", now.Goroutines, before.Goroutines, stacks[:runtime.Stack(stacks[:], true)]))
	}
	return strings.Join(why, "; ")
}

// descriptors lists what a process has open, "3=socket:[1] 4=/dev/null".
func descriptors(pid any) string {
	dir := fmt.Sprintf("/proc/%v/fd", pid)
	entries, _ := os.ReadDir(dir)
	var out []string
	for _, e := range entries {
		if to, err := os.Readlink(dir + "/" + e.Name()); err == nil { // not the one that read the directory
			out = append(out, e.Name()+"="+to)
		}
	}
	return strings.Join(out, " ")
}

// children are the pids of our children, zombies as well, by the kernel's word.
func children() []string {
	var pids []string
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, pid := range bytes.Fields(b) {
			pids = append(pids, string(pid))
		}
	}
	return pids
}

// unmet skips the test, or fails it where all tests are required.
func unmet(t testing.TB, why ...any) {
	t.Helper()
	if os.Getenv("RESPAWNER_REQUIRE") == "all" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}

// readable waits until a descriptor is, and fails the test when it is not
// after all patience.
func readable(t testing.TB, fd int) {
	t.Helper()
	if !readableWithin(fd, patient) {
		t.Fatal("waited in vain")
	}
}

func readableWithin(fd int, d time.Duration) bool {
	for end := time.Now().Add(d); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, max(0, int(time.Until(end).Milliseconds())))
		if err != unix.EINTR {
			return n == 1
		}
	}
}

// eventually looks again and again: for what no event tells.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patient); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// must is for what can't fail but by a fault of the test.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, content string, mode os.FileMode) string {
	t.Helper()
	check(t, os.WriteFile(path, []byte(content), mode))
	check(t, os.Chmod(path, mode))
	return path
}
