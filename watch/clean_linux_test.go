package watch

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Files go, whatever they are; all else stays, with a word why.
func TestClean(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	precious := write(t, at("precious"), "x", 0o600)
	l := must(net.ListenUnix("unix", &net.UnixAddr{Name: at("socket")}))
	l.SetUnlinkOnClose(false)
	check(t, l.Close())
	check(t, unix.Mkfifo(at("fifo"), 0o600))
	check(t, os.Symlink(precious, at("link")))
	check(t, os.Symlink("nowhere", at("dangling")))
	check(t, os.Mkdir(at("folder"), 0o700))
	check(t, os.Symlink("folder", at("linked-folder")))
	write(t, at("file"), "", 0)

	gone := []string{at("socket"), at("fifo"), at("link"), at("dangling"), at("linked-folder"), at("file")}
	paths := append(slices.Clone(gone), at("missing"), at("no/such/folder"), at("folder"), os.DevNull, precious+"/x", "/")
	removed, err := clean(paths)
	if !slices.Equal(removed, gone) {
		t.Errorf("removed %q, not %q", removed, gone)
	}
	for _, path := range gone {
		if _, err := os.Lstat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", path, err)
		}
	}
	want := []string{
		at("folder") + " can't be removed before the start: it is a directory, only files are removed",
		os.DevNull + " can't be removed before the start: it is a device, only files are removed",
		precious + "/x can't be removed before the start: not a directory",
		"/ can't be removed before the start: it is a directory, only files are removed",
	}
	if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, want) {
		t.Errorf("told:\n%s\nnot:\n%s", err, strings.Join(want, "\n"))
	}
	if b, err := os.ReadFile(precious); string(b) != "x" {
		t.Errorf("what the link named: %q, %v", b, err)
	}
	if removed, err := clean(nil); removed != nil || err != nil {
		t.Errorf("nothing: %q, %v", removed, err)
	}
}
