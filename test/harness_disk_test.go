//go:build linux

package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// newDisk is a small disk, of a size in the words of mount(8).
func newDisk(t *testing.T, size string) string {
	t.Helper()
	needRoot(t)
	dir := tempDir(t)
	if err := unix.Mount("none", dir, "tmpfs", 0, "size="+size+",mode=755"); err != nil {
		skip(t, "can't mount a tmpfs: "+err.Error())
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
