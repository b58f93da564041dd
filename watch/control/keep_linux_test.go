package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// keep claims x, listens, and puts back what is removed, until it is killed. It says so each time.
func keep(d *Dir, _ *bufio.Scanner, _ []string) error {
	c, err := d.Claim("x")
	if err != nil {
		return err
	}
	if _, err := c.Listen(); err != nil {
		return err
	}
	h, err := c.History()
	if err != nil {
		return err
	}
	if err := errors.Join(h.Append(Line(Event{What: "started"})), c.WriteDefinition(Definition{Program: "/x", Dir: "/"})); err != nil {
		return err
	}
	fd, err := c.Watch()
	if err != nil {
		return err
	}
	for {
		done, err := c.PutBack()
		if err != nil {
			return err
		}
		slices.Sort(done.Files)
		fmt.Println("put back:", strings.Join(done.Files, " "))
		for noticed := false; !noticed; noticed = c.Noticed() {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		}
		time.Sleep(20 * time.Millisecond) // the rest of an rm -r
	}
}

// Whatever is removed, or moved away, there is one supervisor, and its files come back.
func TestPutBack(t *testing.T) {
	_, path := runtimeDir(t)
	p := enter(t, "keep", path)
	p.hears("put back: ")
	for _, files := range []string{"x.lock", "x.sock", "x.command", "x.history", "x.command x.history x.lock x.sock"} {
		for _, file := range strings.Fields(files) {
			if err := os.Remove(filepath.Join(path, file)); err != nil {
				t.Fatal(err)
			}
		}
		p.hears("put back: " + files)
		mustBeHeld(t, path, p.pid())
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	p.hears("put back: x.command x.history x.lock x.sock")
	mustBeHeld(t, path, p.pid())
	if err := os.Rename(path, path+"-away"); err != nil {
		t.Fatal(err)
	}
	p.hears("put back: x.command x.history x.lock x.sock")
	mustBeHeld(t, path, p.pid())
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if events, err := d.History("x"); err != nil || len(events) != 1 || events[0].What != "started" {
		t.Errorf("history: %v, %v", events, err)
	}
	for _, file := range []string{"x.lock", "x.sock", "x.command", "x.history"} {
		if info, err := os.Lstat(filepath.Join(path, file)); err != nil || info.Mode()&os.ModeSticky == 0 {
			t.Errorf("%s: %v, %v: a cleaner removes it", file, info, err)
		}
	}
}

func mustBeHeld(t *testing.T, path string, pid int) {
	t.Helper()
	d, err := MakeDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if presence, holder, err := d.Presence("x"); presence != Held || holder != pid || err != nil {
		t.Errorf("presence %v of pid %d, %v", presence, holder, err)
	}
	if _, err := d.Claim("x"); !errors.Is(err, ErrHeld) {
		t.Errorf("a second claim: %v", err)
	}
}

// Without the file the name alone is the lock: of this folder, and as long as its holder lives.
func TestNameIsALock(t *testing.T) {
	d, path := runtimeDir(t)
	p := enter(t, "hold", path)
	p.hears("held, taken up: false")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if presence, _, err := d.Presence("x"); presence != Held || err != nil {
		t.Errorf("presence %v, %v", presence, err)
	}
	again, err := MakeDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.Claim("x"); !errors.Is(err, ErrHeld) {
		t.Errorf("a second claim: %v", err)
	}
	if names, err := again.Names(); err != nil || !slices.Equal(names, []string{"x"}) {
		t.Errorf("names %q, %v", names, err)
	}
	other, _ := runtimeDir(t)
	c, err := other.Claim("x")
	if err != nil {
		t.Fatalf("of another folder: %v", err)
	}
	_ = c.Release(nil)
	p.kill()
	if presence, _, err := again.Presence("x"); presence != Absent || err != nil {
		t.Errorf("its holder is dead: presence %v, %v", presence, err)
	}
}

// A folder that was removed under a supervisor is waited for, and that one is told by a knock.
func TestOpenDirThatIsPutBack(t *testing.T) {
	_, path := runtimeDir(t)
	p := enter(t, "keep", path)
	p.hears("put back: ")
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := d.Await(context.Background(), "x"); err != nil {
		t.Error(err)
	}
}

// A look at the lock from within its holder does not drop it.
func TestPresenceInTheHolder(t *testing.T) {
	d, path := runtimeDir(t)
	c, err := d.Claim("x")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Release(nil) }()
	for range 3 {
		if presence, pid, err := d.Presence("x"); presence != Held || pid != os.Getpid() || err != nil {
			t.Errorf("presence %v of pid %d, %v", presence, pid, err)
		}
	}
	enter(t, "hold", path).hears("error: x already runs")
	c.dropName()
	enter(t, "hold", path).hears("error: x already runs") // by the file alone
}

// squat has the name of x's lock, as any process can.
func squat(d *Dir, in *bufio.Scanner, _ []string) error {
	if err := unix.Setuid(65534); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: d.places.lockName("x")})
	}
	if err != nil {
		return err
	}
	fmt.Println("squatting")
	for in.Scan() {
	}
	return nil
}

// Another user's process that has the name is told of, and in no way.
func TestSquatter(t *testing.T) {
	if os.Geteuid() != 0 {
		unmet(t, "needs root")
	}
	d, path := runtimeDir(t)
	p := enter(t, "squat", path)
	p.hears("squatting")
	if presence, _, err := d.Presence("x"); presence != Absent || err != nil {
		t.Errorf("presence %v, %v", presence, err)
	}
	c, err := d.Claim("x")
	if err != nil {
		t.Fatal(err)
	}
	if c.Weak == nil || !strings.Contains(c.Weak.Error(), "uid 65534 has taken its name") {
		t.Errorf("told: %v", c.Weak)
	}
	enter(t, "hold", path).hears("error: x already runs")
	if err := c.Release(nil); err != nil {
		t.Error(err)
	}
	if presence, _, err := d.Presence("x"); presence != Absent || err != nil {
		t.Errorf("released: presence %v, %v", presence, err)
	}
}

// A user has the same default with and without the variable; what can't be had is passed over.
func TestDefaultDirs(t *testing.T) {
	uid := os.Geteuid()
	if uid == 0 {
		uid = 1 // of another user no variable is heeded
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	last := fmt.Sprintf("/tmp/respawner-%d", uid)
	if dirs := defaultDirs(uid); dirs[0] != fmt.Sprintf("/run/user/%d/respawner", uid) || dirs[len(dirs)-1] != last {
		t.Errorf("defaults %q", dirs)
	}
	mine, shared := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Chmod(mine, 0o700), os.Chmod(shared, 0o777)); err != nil {
		t.Fatal(err)
	}
	dirs := []string{"/nonexistent/a", shared + "/b", mine + "/c", last}
	if got := usable(dirs, os.Geteuid()); !slices.Equal(got, dirs[2:]) {
		t.Errorf("usable: %q", got)
	}
	if got := usable(dirs, os.Geteuid()+1); !slices.Equal(got, dirs[3:]) {
		t.Errorf("usable to another user: %q", got)
	}
	if root := defaultDirs(0); !slices.Equal(root, []string{"/run/respawner"}) {
		t.Errorf("root's: %q", root)
	}
}

// FuzzSocket: what the kernel tells of sockets is read, or passed over.
func FuzzSocket(f *testing.F) {
	f.Add([]byte("\x01\x02\x07\x00aaaabbbbbbbb\x07\x00\x00\x00\x00xy\x00\x08\x00\x07\x00\xe8\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if name, uid, ok := parseSocket(msg); ok && (name[0] != '@' || uid == noOwner || !strings.Contains(string(msg), "\x00"+name[1:])) {
			t.Errorf("%q, %d", name, uid)
		}
	})
}

// A socket of another user's process in the folder is not talked to.
func TestAnotherUserAnswers(t *testing.T) {
	if os.Geteuid() != 0 {
		unmet(t, "needs root")
	}
	d, path := runtimeDir(t)
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: path + "/x.sock"})
	}
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // the kernel notes the user that listens: this thread's, which is another one
	defer runtime.UnlockOSThread()
	const keep = ^uintptr(0)
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, keep, 65534, keep)
	err = unix.Listen(fd, 1)
	_, _, back := unix.RawSyscall(unix.SYS_SETRESUID, keep, 0, keep)
	if errno != 0 || err != nil || back != 0 {
		t.Fatal(errno, err, back)
	}
	if _, _, err := d.Status("x"); !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), "uid 65534 answers") {
		t.Errorf("status: %v", err)
	}
}
