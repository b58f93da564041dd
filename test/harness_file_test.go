//go:build linux

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// textFile is a file to which others append lines: a log, a journal.
type textFile struct {
	t    *testing.T
	path string
}

func (f textFile) text() string {
	text, err := os.ReadFile(f.path)
	if err != nil && !os.IsNotExist(err) {
		f.t.Errorf("read: %v", err)
	}
	return string(text)
}

// matches are all matches of a pattern, with ^ and $ at lines.
func matches(pattern, text string) [][]string {
	return regexp.MustCompile("(?m)"+pattern).FindAllStringSubmatch(text, -1)
}

func (f textFile) count(pattern string) int {
	return len(matches(pattern, f.text()))
}

// waitFor waits until the pattern is there n times and returns the nth match
// with its groups.
func (f textFile) waitFor(pattern string, n int) []string {
	f.t.Helper()
	var found [][]string
	ok := f.await(patience, func(text string) bool {
		found = matches(pattern, text)
		return len(found) >= n
	})
	if !ok {
		f.t.Fatalf("%s: waited %v for %d of %q, found %d", filepath.Base(f.path), patience, n, pattern, len(found))
	}
	return found[n-1]
}

// stays watches for a while that no further line matches.
func (f textFile) stays(pattern string, while time.Duration) {
	f.t.Helper()
	before := f.count(pattern)
	more := f.await(while, func(text string) bool { return len(matches(pattern, text)) > before })
	if more {
		f.t.Fatalf("%s: expected no more of %q, but there is", filepath.Base(f.path), pattern)
	}
}

// inOrder asserts that the patterns are there one after the other.
func (f textFile) inOrder(patterns ...string) {
	f.t.Helper()
	text := f.text()
	for _, p := range patterns {
		at := regexp.MustCompile(p).FindStringIndex(text)
		if at == nil {
			f.t.Fatalf("%s: no %q where it is expected", filepath.Base(f.path), p)
		}
		text = text[at[1]:]
	}
}

// await reads the file anew with each change until its text is ok; false when
// it was not in time.
func (f textFile) await(limit time.Duration, ok func(text string) bool) bool {
	f.t.Helper()
	return awaitChange(f.t, filepath.Dir(f.path), limit, func() bool { return ok(f.text()) })
}

// awaitChange asks anew with each change in a folder.
func awaitChange(t *testing.T, dir string, limit time.Duration, ok func() bool) bool {
	t.Helper()
	fd := inotify(t)
	changes := os.NewFile(uintptr(fd), "inotify")
	defer changes.Close()
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_MODIFY|unix.IN_MOVED_TO); err != nil {
		t.Fatalf("inotify: %v", err)
	}
	if err := changes.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatalf("inotify: %v", err)
	}
	for buf := make([]byte, 4096); ; {
		if ok() {
			return true
		}
		if _, err := changes.Read(buf); err != nil {
			return ok()
		}
	}
}

// inotify is a new inotify descriptor. A user has 128 of them, which may all
// be taken for a moment by tests of other packages.
func inotify(t *testing.T) (fd int) {
	t.Helper()
	eventually(t, "a free inotify instance", func() bool {
		var err error
		fd, err = unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
		if err != nil && err != unix.EMFILE {
			t.Fatalf("inotify: %v", err)
		}
		return err == nil
	})
	return fd
}
