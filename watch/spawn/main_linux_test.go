package spawn

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patient is far more than anything here takes, where nothing is wrong.
const patient = time.Minute

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

// descriptors lists what a process has open, "0=/dev/null 1=pipe:[1]".
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

// children are the pids of our children, zombies as well.
func children() string {
	var pids []string
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for _, pid := range bytes.Fields(b) {
			pids = append(pids, string(pid))
		}
	}
	return strings.Join(pids, " ")
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
