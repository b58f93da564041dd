package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestOpenDir(t *testing.T) {
	other := os.Geteuid() + 65534
	tests := []struct {
		name string
		make func(path string) error
		want error
		text string
	}{
		{"private", func(p string) error { return os.Mkdir(p, 0o700) }, nil, ""},
		{"readable by all", func(p string) error { return chmodded(p, 0o755) }, nil, ""},
		{"missing", func(string) error { return nil }, fs.ErrNotExist, ""},
		{"no folder above", func(p string) error { return os.Symlink("/nonexistent/dir", filepath.Dir(p)+"/up") }, fs.ErrNotExist, ""},
		{"a file", func(p string) error { return os.WriteFile(p, nil, 0o600) }, ErrUntrusted, "is a link or no directory"},
		{"a fifo", func(p string) error { return unix.Mkfifo(p, 0o600) }, ErrUntrusted, "is a link or no directory"},
		{"a link to a good one", linked, ErrUntrusted, "is a link or no directory"},
		{"a dangling link", func(p string) error { return os.Symlink("/nonexistent", p) }, ErrUntrusted, "is a link"},
		{"a link to itself", func(p string) error { return os.Symlink(p, p) }, ErrUntrusted, "is a link"},
		{"group-writable", func(p string) error { return chmodded(p, 0o770) }, ErrUntrusted, "can be written by others"},
		{"world-writable", func(p string) error { return chmodded(p, 0o702) }, ErrUntrusted, "can be written by others"},
		{"sticky like /tmp", func(p string) error { return chmodded(p, 0o777|fs.ModeSticky) }, ErrUntrusted, "can be written by others"},
		{"another's", func(p string) error {
			return errors.Join(os.Mkdir(p, 0o700), os.Chown(p, other, other))
		}, nil, ""}, // the test runs as root, which may ask everywhere
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run")
			if err := tt.make(path); errors.Is(err, fs.ErrPermission) {
				unmet(t, err)
			} else if err != nil {
				t.Fatal(err)
			}
			if tt.name == "no folder above" {
				path = filepath.Dir(path) + "/up/run"
			}
			d, err := OpenDir(path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				_ = d.Close()
				return
			}
			if text := err.Error(); !strings.Contains(text, tt.text) || !strings.Contains(text, path) {
				t.Errorf("%q should name the path and say %q", text, tt.text)
			}
		})
	}
}

// chmodded is Mkdir without a umask.
func chmodded(path string, mode fs.FileMode) error {
	return errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode))
}

func linked(path string) error {
	return errors.Join(os.Mkdir(path+"-real", 0o700), os.Symlink(path+"-real", path))
}

func TestMakeDir(t *testing.T) {
	old := unix.Umask(0)
	defer unix.Umask(old)
	path := filepath.Join(t.TempDir(), "a", "b", "run")
	for range 2 { // the second time it is there
		d, err := MakeDir(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Close()
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeDir|0o700 {
		t.Errorf("mode %v, %v; want it for its owner alone", info.Mode(), err)
	}
	for _, bad := range []string{"/proc/nowhere/run", "/dev/null/run"} {
		if d, err := MakeDir(bad); err == nil {
			_ = d.Close()
			t.Errorf("made %s", bad)
		}
	}
	other := os.Geteuid() + 65534
	if err := os.Chown(path, other, other); errors.Is(err, fs.ErrPermission) {
		unmet(t, err)
	} else if _, err := MakeDir(path); !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), fmt.Sprintf("belongs to uid %d, not to you", other)) {
		t.Errorf("another's: %v", err)
	}
	if err := errors.Join(os.Chown(path, os.Geteuid(), -1), os.Chmod(path, 0o777)); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeDir(path); !errors.Is(err, ErrUntrusted) {
		t.Errorf("an unsafe one that is there: %v", err)
	}
}

// A process that exchanges the directory after it was checked gains nothing.
func TestDirIsHeldByDescriptor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	d, err := MakeDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	evil := path + "-evil"
	if err := errors.Join(os.Rename(path, path+"-old"), os.Mkdir(evil, 0o777), os.Symlink(evil, path)); err != nil {
		t.Fatal(err)
	}
	c, err := d.Claim("x")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := c.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if got := list(t, path+"-old"); got != "x.lock x.sock" {
		t.Errorf("in the checked directory: %q", got)
	}
	if err := c.Release(Unsupervised("x")); err != nil {
		t.Error(err)
	}
	if got := list(t, path+"-old") + list(t, evil); got != "x.json" {
		t.Errorf("after the release: %q", got)
	}
}

// list is what lies in a directory, blanks between.
func list(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}
