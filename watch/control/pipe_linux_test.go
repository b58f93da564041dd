package control

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func claimed(t *testing.T) (*Claim, string) {
	t.Helper()
	d, path := runtimeDir(t)
	c, err := d.Claim("x")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Release(nil); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(path, pipes, "x.out")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the FIFO is left: %v", err)
		}
	})
	if err := os.Mkdir(filepath.Join(path, pipes), 0o700); err != nil {
		t.Fatal(err)
	}
	return c, filepath.Join(path, pipes, "x.out")
}

func openPipe(t *testing.T, c *Claim) *Pipe {
	t.Helper()
	p, err := c.OpenPipe()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func openWriter(t *testing.T, p *Pipe) *os.File {
	t.Helper()
	w, err := p.Writer()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// What was written when no process was left but the program is read by the next
// supervisor; the program neither fails nor ends.
func TestPipeOutlivesItsReader(t *testing.T) {
	c, _ := claimed(t)
	first := openPipe(t, c)
	w := openWriter(t, first)
	defer w.Close()
	fmt.Fprint(w, "before ")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(w, "and after"); err != nil {
		t.Fatal(err)
	}
	second := openPipe(t, c)
	defer second.Close()
	buf := make([]byte, 100)
	if n, err := second.Reader().Read(buf); string(buf[:n]) != "before and after" || err != nil {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

// A program that makes its descriptors non-blocking does so for itself alone.
func TestPipeWritersAreApart(t *testing.T) {
	c, _ := claimed(t)
	p := openPipe(t, c)
	defer p.Close()
	a, b := openWriter(t, p), openWriter(t, p)
	defer a.Close()
	defer b.Close()
	if err := unix.SetNonblock(int(a.Fd()), true); err != nil {
		t.Fatal(err)
	}
	flags, err := unix.FcntlInt(b.Fd(), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK != 0 || flags&unix.O_ACCMODE != unix.O_RDWR {
		t.Errorf("flags %o, %v", flags, err)
	}
}

func TestPipeIsReachedByADaemonThatGaveUpItsUid(t *testing.T) {
	if os.Geteuid() != 0 {
		unmet(t, "needs root")
	}
	c, _ := claimed(t)
	p := openPipe(t, c)
	defer p.Close()
	w := openWriter(t, p)
	defer w.Close()
	err := fork(t, w, "sh", "-c", "echo reopened >/dev/stdout")
	buf := make([]byte, 100)
	n, _ := p.Reader().Read(buf)
	if err != nil || string(buf[:n]) != "reopened\n" {
		t.Errorf("read %q, %v", buf[:n], err)
	}
}

// What is no FIFO is not written to, and not in the way.
func TestPipeReplacesWhatIsNone(t *testing.T) {
	for what, make := range map[string]func(path string) error{
		"nothing": func(string) error { return nil },
		"file":    func(path string) error { return os.WriteFile(path, []byte("x"), 0o666) },
		"link":    func(path string) error { return os.Symlink("/dev/null", path) },
		"socket":  func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) },
	} {
		t.Run(what, func(t *testing.T) {
			c, path := claimed(t)
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			defer openPipe(t, c).Close()
			info, err := os.Lstat(path)
			if err != nil || info.Mode() != fs.ModeNamedPipe|fs.ModeSticky|0o622 {
				t.Errorf("%v, %v", info.Mode(), err)
			}
		})
	}
}

func TestPipeWhereADirectoryIs(t *testing.T) {
	c, path := claimed(t)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if p, err := c.OpenPipe(); !errors.Is(err, unix.EISDIR) {
		t.Errorf("%v, %v", p, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// fork runs a command as the user nobody, with stdout.
func fork(t *testing.T, stdout *os.File, words ...string) error {
	t.Helper()
	pid, err := syscall.ForkExec("/bin/"+words[0], words, &syscall.ProcAttr{
		Files: []uintptr{0, stdout.Fd(), 2},
		Sys:   &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}},
	})
	if err != nil {
		return err
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
		return err
	}
	if status != 0 {
		return fmt.Errorf("status %d", status)
	}
	return nil
}
