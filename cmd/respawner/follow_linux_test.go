package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newFollower follows a log that need not be there.
func newFollower(t *testing.T, path string) (*follower, *bytes.Buffer) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	out := &bytes.Buffer{}
	f := &follower{out: out, path: path, fd: fd, watch: -1}
	t.Cleanup(func() {
		unix.Close(fd)
		if f.file != nil {
			f.file.Close()
		}
	})
	h, err := openLogFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.goOn(h); err != nil {
		t.Fatal(err)
	}
	return f, out
}

func catchUp(t *testing.T, f *follower) {
	t.Helper()
	if err := f.catchUp(); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever was done to the file between two looks, each line is printed once.
func TestFollow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	add := func(name, text string) {
		file, err := openLogFile(name)
		do(t, err)
		_, err = file.WriteString(text)
		do(t, err)
		do(t, file.Close())
	}
	f, out := newFollower(t, path)
	expect := func(want string) {
		t.Helper()
		catchUp(t, f)
		if out.String() != want {
			t.Fatalf("printed %q, want %q", out, want)
		}
		out.Reset()
	}
	expect("")
	add(path, "it comes\n")
	expect("it comes\n")
	expect("")
	add(path, "one\ntw")
	add(path, "o\n")
	expect("one\ntwo\n")

	do(t, os.Truncate(path, 0))
	add(path, "truncated\n")
	expect("truncated\n")

	do(t, os.Rename(path, path+".1"))
	add(path+".1", "moved\n")
	expect("moved\n")
	add(path+".1", "last\n")
	add(path, "anew\n")
	expect("last\nanew\n")

	do(t, os.Remove(path))
	expect("")
	add(path, "removed\n")
	expect("removed\n")
	do(t, os.RemoveAll(filepath.Dir(path)))
	if err := f.catchUp(); err == nil {
		t.Error("the folder is gone, and there is no error")
	}
}

// However often it was rotated between two looks, before and after the rotated
// files were compressed.
func TestFollowRotation(t *testing.T) {
	for _, packed := range []bool{false, true} {
		for _, often := range []int{1, 2, 7} {
			path := filepath.Join(t.TempDir(), "x.log")
			w := openTestOutput(t, path, 4096, 1000)
			f, out := newFollower(t, path)
			line := 0
			for range 5 {
				for range often * 60 {
					line++
					writeLines(t, w, outputNow, fmt.Sprintf("%d %s", line, strings.Repeat("x", 50)))
				}
				if packed {
					do(t, w.packing.wait())
					w.packing = nil
				}
				catchUp(t, f)
			}
			got := strings.Split(strings.TrimSpace(out.String()), "\n")
			if len(got) != line {
				t.Errorf("packed %t, %d times: %d lines of %d", packed, often, len(got), line)
			}
			for i, text := range got {
				if !strings.HasPrefix(text, fmt.Sprintf("2026-11-23T22:45:49.123Z %d ", i+1)) {
					t.Fatalf("packed %t, %d times: line %d is %q", packed, often, i+1, text)
				}
			}
		}
	}
}
