package safepath

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Each of them, by a path that leads through a link: one of ours, and one that
// another user can have put where it is.
func TestThroughLinks(t *testing.T) {
	for name, do := range map[string]func(dir string) error{
		"open":      func(dir string) error { return closed(Open(dir + "/file")) },
		"append":    func(dir string) error { return closed(Append(dir+"/file", 0o600)) },
		"make":      func(dir string) error { return closed(Append(dir+"/new", 0o600)) },
		"create":    func(dir string) error { return closed(Create(dir+"/new", 0o600)) },
		"open dir":  func(dir string) error { return closed(OpenDir(dir + "/folder")) },
		"read dir":  func(dir string) error { _, err := ReadDir(dir); return err },
		"mkdir":     func(dir string) error { return Mkdir(dir+"/new", 0o700) },
		"mkdir all": func(dir string) error { return MkdirAll(dir+"/new/newer", 0o700) },
		"rename":    func(dir string) error { return Rename(dir+"/file", "new") },
		"remove":    func(dir string) error { return Remove(dir + "/file") },
	} {
		t.Run(name, func(t *testing.T) {
			base := safeDir(t)
			real := mkdir(t, base+"/real", 0o700)
			write(t, real+"/file", "x", 0o600)
			mkdir(t, real+"/folder", 0o700)
			check(t, os.Symlink(real, mkdir(t, base+"/ours", 0o755)+"/way"))
			check(t, os.Symlink(real, mkdir(t, base+"/others", 0o777)+"/way"))
			before := list(t, real)
			if err := do(base + "/others/way"); !errors.Is(err, ErrPlanted) || !strings.Contains(err.Error(), base+"/others/way is a link") {
				t.Errorf("planted: %v", err)
			}
			if now := list(t, real); !slices.Equal(now, before) {
				t.Errorf("before %q, now %q", before, now)
			}
			if err := do(base + "/ours/way"); err != nil {
				t.Errorf("ours: %v", err)
			}
			changes := !strings.HasPrefix(name, "open") && name != "read dir" && name != "append"
			if now := list(t, real); slices.Equal(now, before) == changes {
				t.Errorf("before %q, now %q", before, now)
			}
		})
	}
}

func closed(f *os.File, err error) error {
	if err == nil {
		err = f.Close()
	}
	return err
}

// list is all that is below a folder.
func list(t *testing.T, dir string) (all []string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, strings.TrimPrefix(path, dir))
		return err
	}))
	return all
}

// What is no regular file is named for what it is, and a missing one is missing.
func TestKinds(t *testing.T) {
	dir := t.TempDir()
	check(t, errors.Join(unix.Mkfifo(dir+"/fifo", 0o600), os.Mkdir(dir+"/dir", 0o700), os.Symlink("nowhere", dir+"/link")))
	f, err := OpenDir(dir)
	check(t, err)
	defer f.Close()
	for name, want := range map[string]string{"fifo": "is a fifo", "dir": "is a directory", "link": "is a link", "none": "no such file"} {
		fd, err := OpenAt(int(f.Fd()), name, unix.O_RDWR, 0)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d, %v", name, fd, err)
		}
		if name == "link" {
			want = "no such file" // there is nothing where it leads
		}
		if err := closed(Open(dir + "/" + name)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := closed(AppendDevice(os.DevNull, 0)); err != nil {
		t.Error(err)
	}
	for _, err := range []error{closed(Append(os.DevNull, 0)), Remove(os.DevNull), Remove("/"), closed(OpenDir(os.DevNull)), closed(OpenProgram("/dev/zero"))} {
		if kind := new(KindError); !errors.As(err, &kind) {
			t.Errorf("got %v", err)
		}
	}
	if err := MkdirAll(os.DevNull, 0o700); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a folder instead of a file: %v", err)
	}
	if err := Mkdir(dir, 0o700); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder that is there: %v", err)
	}
	for _, path := range []string{"", strings.Repeat("x/", unix.PathMax), dir + "/\x00"} {
		if err := closed(Append(path, 0o600)); err == nil {
			t.Errorf("%q was opened", path)
		}
	}
}

// A file may be made with the sticky bit, which tells cleaners to leave it alone.
func TestCreateSticky(t *testing.T) {
	f, err := Create(t.TempDir()+"/x", 0o640|os.ModeSticky)
	check(t, err)
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeSticky == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// A walk gives back all its descriptors, whatever comes of it.
func TestNoDescriptorIsLeft(t *testing.T) {
	dir := t.TempDir()
	check(t, errors.Join(os.Symlink(dir, dir+"/l"), os.Symlink("loop", dir+"/loop")))
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		check(t, err)
		return len(fds)
	}
	before := count()
	for range 3 {
		for _, path := range []string{"x", "l/l/x", "loop", "loop/x", "none/x", "x/", "x/y", "..", ".", "l", "/proc/self/fd/99999/x", "/dev/fd/0"} {
			if !filepath.IsAbs(path) {
				path = dir + "/" + path
			}
			_, _, _ = Remove(path+"/none"), Rename(path, "x"), MkdirAll(path+"/..", 0o700)
			_ = closed(Append(path, 0o600))
			_ = closed(Open(path))
			_ = closed(OpenDir(path))
			_, _ = ReadDir(path)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}
