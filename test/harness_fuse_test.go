//go:build linux

package test

import (
	"testing"

	"respawner/test/fuse"
)

// newHanging is a folder on a file system that can hang.
func newHanging(t *testing.T) (dir string, fs *fuse.FS) {
	t.Helper()
	needRoot(t)
	dir = tempDir(t)
	fs, err := fuse.Mount(dir)
	if err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(func() {
		if err := fs.Close(); err != nil {
			t.Error(err)
		}
	})
	return dir, fs
}

// buildFrozen compiles the program that holds the lock of its own memory.
func buildFrozen(t *testing.T) string {
	t.Helper()
	path := tempDir(t) + "/frozen"
	if r := shell(t, "cc", "-O2", "-pthread", "-o", path, "frozen/frozen.c"); r.code != 0 {
		t.Fatalf("build the frozen program: %v", r)
	}
	return path
}
