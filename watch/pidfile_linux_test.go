package watch

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

func openPidfile(t *testing.T, path string) *pidfile {
	t.Helper()
	p, err := newPidfile(path, nil)
	check(t, err)
	p.watch()
	t.Cleanup(func() { check(t, p.close()) })
	return p
}

// await reads as the loop does, only when inotify tells of something, until
// the file names the pid; before, it may name the half of it.
func (p *pidfile) await(t *testing.T, want int) {
	t.Helper()
	for {
		readable(t, p.fd)
		p.drain()
		if r := p.look(); r.err == nil && r.pid == want {
			return
		}
	}
}

// However a daemon writes its pidfile, we are told when it is there. The steps
// are done one after the other: none may need another one to be noticed.
func TestPidfileIsNoticed(t *testing.T) {
	content := []byte("42\n")
	put := func(path string) error { return os.WriteFile(path, content, 0o644) }
	tests := map[string]struct {
		file  string
		steps func(file string) error
	}{
		"late": {"x.pid", put},
		"empty first": {"x.pid", func(f string) error {
			return errors.Join(os.WriteFile(f, nil, 0o644), put(f))
		}},
		"in two writes": {"x.pid", func(f string) error {
			out, err := os.Create(f)
			return errors.Join(err, second(out.WriteString("4")), second(out.WriteString("2\n")), out.Close())
		}},
		"renamed into place": {"x.pid", func(f string) error {
			return errors.Join(put(f+".tmp"), os.Rename(f+".tmp", f))
		}},
		"linked into place": {"x.pid", func(f string) error {
			return errors.Join(put(f+".tmp"), os.Link(f+".tmp", f))
		}},
		"a link to a file": {"x.pid", func(f string) error {
			return errors.Join(put(f+".real"), os.Symlink(f+".real", f))
		}},
		"folder made later": {"run/x.pid", func(f string) error {
			return errors.Join(os.Mkdir(filepath.Dir(f), 0o755), put(f))
		}},
		"folders made later": {"var/run/x/x.pid", func(f string) error {
			return errors.Join(os.MkdirAll(filepath.Dir(f), 0o755), put(f))
		}},
		"folder renamed into place": {"run/x.pid", func(f string) error {
			dir := filepath.Dir(f)
			return errors.Join(os.Mkdir(dir+".tmp", 0o755), put(dir+".tmp/x.pid"), os.Rename(dir+".tmp", dir))
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tt.file)
			p := openPidfile(t, path)
			if _, _, err := p.read(); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("before: %v", err)
			}
			done := make(chan error, 1)
			go func() { done <- tt.steps(path) }()
			p.await(t, 42)
			check(t, <-done)
		})
	}
}

func second[T any](_ T, err error) error { return err }

// A folder that goes with each run of the daemon and comes back.
func TestPidfileFolderComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(dir, "x.pid")
	p := openPidfile(t, path)
	for pid := 42; pid < 45; pid++ {
		check(t, os.Mkdir(dir, 0o755))
		write(t, path, fmt.Sprintln(pid), 0o644)
		p.await(t, pid)
		check(t, os.RemoveAll(dir))
		readable(t, p.fd) // the watch on it is gone
		p.drain()
		p.watch()
	}
}

// Folders that come into being while we look for the nearest one that exists.
func TestPidfileFolderRace(t *testing.T) {
	for i := range 300 {
		path := filepath.Join(t.TempDir(), "a/b/c/d/e/f", "x.pid")
		p, err := newPidfile(path, nil)
		check(t, err)
		p.watch()
		done := make(chan error, 1)
		go func() {
			done <- errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("42\n"), 0o644))
		}()
		pid := 0
		for wrote := false; pid == 0; {
			if readableWithin(p.fd, 0) {
				p.drain()
				pid = p.look().pid
				continue
			}
			if wrote {
				t.Fatalf("try %d: the file is there, and nothing will tell so", i)
			}
			select {
			case err := <-done:
				check(t, err)
				wrote = true
			default:
			}
		}
		check(t, p.close())
	}
}

func TestPidfileRead(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.pid")
	check(t, os.WriteFile(path+"-real", []byte("42\n"), 0o644))
	tests := map[string]struct {
		make func() error
		pid  int
		want string // of the error
	}{
		"good":          {func() error { return os.WriteFile(path, []byte("42\n"), 0o644) }, 42, ""},
		"a link":        {func() error { return os.Symlink(path+"-real", path) }, 42, ""},
		"empty":         {func() error { return os.WriteFile(path, nil, 0o644) }, 0, "is empty"},
		"garbage":       {func() error { return os.WriteFile(path, []byte("\x00\x01"), 0o644) }, 0, "a pid"},
		"huge":          {huge(path, ""), 0, "a pid"},
		"huge, but":     {huge(path, "42\n"), 42, ""},
		"a fifo":        {func() error { return unix.Mkfifo(path, 0o644) }, 0, "is no regular file"},
		"a directory":   {func() error { return os.Mkdir(path, 0o755) }, 0, "is no regular file"},
		"a device":      {func() error { return os.Symlink("/dev/zero", path) }, 0, "is no regular file"},
		"a link loop":   {func() error { return os.Symlink(path, path) }, 0, "too many levels of symbolic links"},
		"a dangling":    {func() error { return os.Symlink("/nonexistent", path) }, 0, "no such file"},
		"in no folder":  {func() error { return os.Symlink("/dev/null/x", path) }, 0, "not a directory"},
		"procfs itself": {func() error { return os.Symlink("/proc/self/mem", path) }, 0, "input/output error"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, tt.make())
			defer os.Remove(path)
			p := openPidfile(t, path)
			pid, _, err := p.read()
			if pid != tt.pid || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %d, %v; want %d, %q", pid, err, tt.pid, tt.want)
			}
		})
	}
}

// huge makes a file of a terabyte, which begins with some words.
func huge(path, words string) func() error {
	return func() error { return errors.Join(os.WriteFile(path, []byte(words), 0o644), os.Truncate(path, 1<<40)) }
}

func TestRemoveStale(t *testing.T) {
	deadPID, pidfd := run(t, "true")
	readable(t, pidfd)
	_, err := takeEnd(pidfd)
	check(t, err)
	self := fmt.Sprintln(os.Getpid())
	tests := map[string]struct {
		content string // "-": there is none
		was     int
		removed bool
		want    string // of the error
	}{
		"missing":                       {"-", 0, false, ""},
		"of a dead process":             {fmt.Sprintln(deadPID), 0, true, ""},
		"of none":                       {"4194304\n", 0, true, ""},
		"of a living one":               {self, 0, false, "which is no process of this service: left alone"},
		"of init":                       {"1\n", 0, false, "names pid 1, which can't be a service's: left alone"},
		"of a living one, once ours":    {self, os.Getpid(), true, ""},
		"of another living one":         {self, deadPID, false, "left alone"},
		"empty":                         {"", 0, false, "is empty: left alone"},
		"garbage":                       {"hello\n", 0, false, "does not begin with a line that is a pid: left alone"},
		"of all":                        {"-1\n", 0, false, "names pid -1"},
		"huge, of a dead process first": {fmt.Sprintln(deadPID) + strings.Repeat("x", 1<<16), 0, true, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.pid")
			if tt.content != "-" {
				write(t, path, tt.content, 0o644)
			}
			p := openPidfile(t, path)
			removed, err := p.removeStale(tt.was)
			if removed != tt.removed || (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v; want %v, %q", removed, err, tt.removed, tt.want)
			}
			if err != nil && (!strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%q should name the file, in one line", err)
			}
			_, err = os.Lstat(path)
			if there := err == nil; there != (tt.content != "-" && !tt.removed) {
				t.Errorf("afterwards it is there: %v", there)
			}
		})
	}
}

// What is no file of ours stays, whatever it is; of a link only the link goes.
func TestRemoveStaleOddities(t *testing.T) {
	dir := t.TempDir()
	target := write(t, dir+"/target", "4194304\n", 0o644)
	check(t, os.Symlink(target, dir+"/link"))
	check(t, os.Mkdir(dir+"/dir", 0o755))
	check(t, unix.Mkfifo(dir+"/fifo", 0o644))
	for name, want := range map[string]bool{"link": true, "dir": false, "fifo": false} {
		removed, err := openPidfile(t, filepath.Join(dir, name)).removeStale(0)
		if removed != want || (err == nil) != want {
			t.Errorf("%s: %v, %v", name, removed, err)
		}
	}
	for name, want := range map[string]bool{"link": false, "target": true, "dir": true, "fifo": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s afterwards: %v", name, err)
		}
	}
}
