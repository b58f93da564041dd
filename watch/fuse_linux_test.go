package watch

import (
	"testing"

	"respawner/test/fuse"
)

// mountDisk mounts a file system that can hang. At the end of the test all that waits for it
// fails.
func mountDisk(t *testing.T) (dir string, fs *fuse.FS) {
	t.Helper()
	dir = t.TempDir()
	fs, err := fuse.Mount(dir)
	if err != nil {
		unmet(t, "no FUSE: ", err)
	}
	t.Cleanup(func() { check(t, fs.Close()) })
	return dir, fs
}
