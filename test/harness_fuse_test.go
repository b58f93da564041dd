//go:build linux

package test

import (
	"fmt"
	"os/exec"
	"sync"
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
var buildFrozen = sync.OnceValues(func() (string, error) {
	path := root + "/frozen"
	out, err := exec.Command("cc", "-O2", "-pthread", "-o", path, "frozen/frozen.c").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build the frozen program: %w\n%s", err, out)
	}
	return path, err
})
