//go:build linux

package test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// newShy is a server that does not start beside a certain file, which is this
// one's first argument.
func newShy(t *testing.T) (s *service, stale string) {
	t.Helper()
	s = newService(t, "sh", "-c", `
		[ -e "$0" ] || [ -L "$0" ] && { echo "cannot bind to $0: Address already in use" >&2; exit 1; }
		echo start $$ >>"$1"; exec sleep 300`)
	stale = s.dir + "/stale"
	s.args = append(s.args, stale, s.journal.path)
	return s, stale
}

// leftovers are what killed instances leave.
var leftovers = map[string]func(path string) error{
	"file": func(path string) error { return os.WriteFile(path, []byte("12345\n"), 0o644) },
	"fifo": func(path string) error { return unix.Mkfifo(path, 0o600) },
	"socket": func(path string) error {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err == nil {
			l.SetUnlinkOnClose(false)
			err = l.Close()
		}
		return err
	},
	"link":          func(path string) error { return os.Symlink(filepath.Dir(path)+"/precious", path) },
	"dangling link": func(path string) error { return os.Symlink("nowhere", path) },
}

// A file that a killed instance has left is removed before each start; what a
// link leads to is not touched.
func TestCleanMakesWayForAStart(t *testing.T) {
	for name, leave := range leftovers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, stale := newShy(t)
			writeFile(t, s.dir+"/precious", "precious", 0o600)
			leftBehind(t, leave, stale)
			st := s.start("-t", "0.1", "--clean", s.dir+"/missing", "--clean", stale)
			s.log.waitFor(`removed `+stale+`, which an earlier instance had left`, 1)
			for run := 2; run <= 3; run++ {
				leftBehind(t, leave, stale)
				st = s.crash(st.MainPID)
				s.journal.waitFor(`^start \d+$`, run)
			}
			if exists(stale) || st.Message != "" || s.log.count(`missing`) > 0 {
				t.Errorf("the file is there: %v; status %+v", exists(stale), st)
			}
			leftBehind(t, leave, stale)
			s.stop()
			s.starts(3)
			if b, err := os.ReadFile(s.dir + "/precious"); !exists(stale) || string(b) != "precious" {
				t.Errorf("something else was removed: %q, %v", b, err)
			}
		})
	}
}

func leftBehind(t *testing.T, leave func(string) error, path string) {
	t.Helper()
	if err := leave(path); err != nil {
		t.Fatal(err)
	}
}

// As long as any process of the service lives, the file is its own.
func TestCleanWaitsForTheLast(t *testing.T) {
	t.Parallel()
	s, stale := newShy(t)
	s.args[1] = `(trap '' TERM; echo worker $(sh -c 'echo $PPID') >>"$1"; while :; do sleep 300; done) & ` + s.args[1]
	st := s.start("-t", "1.5", "--clean", stale)
	worker := s.truth("worker", 1)
	leftBehind(t, leftovers["file"], stale)
	kill(t, st.MainPID, unix.SIGKILL)
	looks := 0
	for ; ; looks++ {
		there := exists(stale)
		if !alive(worker) {
			break
		}
		if !there {
			t.Fatal("it was removed while a process of the service was alive")
		}
	}
	s.journal.waitFor(`^start \d+$`, 2)
	if exists(stale) || looks == 0 {
		t.Errorf("the file is there: %v; looked %d times", exists(stale), looks)
	}
	s.waitState("running")
	s.stop()
}

// What takes a service over removes it too: a new supervisor, another binary. A
// path is relative to where start was called.
func TestCleanAfterAdoptionAndUpgrade(t *testing.T) {
	t.Parallel()
	s, stale := newShy(t)
	start := s.command("start", "-t", "0.1", "--clean", filepath.Base(stale))
	start.Dir = s.dir
	if r := finish(t, start); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	crash := func() {
		t.Helper()
		leftBehind(t, leftovers["file"], stale)
		s.crash(s.mustRun().MainPID)
	}
	s.upgrade()
	crash()
	kill(t, s.mustRun().SupervisorPID, unix.SIGKILL)
	if r := s.tell("adopt"); r.code != 0 {
		t.Fatalf("adopt: %v", r)
	}
	crash()
	s.upgrade()
	crash()
	s.stop()
	s.starts(4)
}

// What can't be removed is told of; the start is tried all the same.
func TestCleanCannotRemove(t *testing.T) {
	t.Parallel()
	s, stale := newShy(t)
	odd := s.dir + "/odd"
	st := s.start("-t", "0.1", "--clean", odd, "--clean", stale)
	if err := errors.Join(os.Mkdir(odd, 0o700), leftovers["file"](stale)); err != nil {
		t.Fatal(err)
	}
	now := s.crash(st.MainPID)
	s.log.waitFor(`warning: sh: `+odd+` can't be removed before the start: it is a directory`, 1)
	if !strings.Contains(now.Message, odd+" can't be removed before the start: it is a directory") {
		t.Errorf("status says %q", now.Message)
	}
	if err := os.Remove(odd); err != nil {
		t.Fatal(err)
	}
	if now = s.crash(now.MainPID); now.Message != "" {
		t.Errorf("status still says %q", now.Message)
	}
	s.stop()
}

// A mount whose file system has died is taken away.
func TestCleanDeadMount(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s, stale := newShy(t)
	s.args[1] = `ls "$0" >/dev/null && touch "$0/mark" && echo start $$ >>"$1"; [ -e "$0/mark" ] && exec sleep 300`
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	deadMount(t, stale)
	s.start("-t", "0.1", "--clean", stale) // or else it would say that it is a directory
	s.log.waitFor(`removed `+stale, 1)
	if !exists(stale + "/mark") {
		t.Error("the mount is still there")
	}
	s.stop()
}

// deadMount makes what is left when a FUSE daemon was killed.
func deadMount(t *testing.T, dir string) {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		skip(t, "no FUSE: "+err.Error())
	}
	err = unix.Mount("dead", dir, "fuse", 0, "fd="+strconv.Itoa(fd)+",rootmode=40000,user_id=0,group_id=0")
	if err := errors.Join(err, unix.Close(fd)); err != nil {
		skip(t, "can't mount by FUSE: "+err.Error())
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) }) // mostly it is gone
	if _, err := os.Stat(dir); !errors.Is(err, unix.ENOTCONN) {
		t.Fatalf("a dead mount should answer ENOTCONN: %v", err)
	}
}

// Without it the restarts fail, and status quotes what the program says of it:
// to people, to programs, when it was given up, and to the next supervisor.
func TestStatusQuotesTheProgram(t *testing.T) {
	t.Parallel()
	s, stale := newShy(t)
	words := "cannot bind to " + stale + ": Address already in use"
	quoted := func(st status) {
		t.Helper()
		r := s.tell("status")
		if !slices.Equal(st.Said, []string{words}) || !strings.Contains(r.stdout, "\n  it said     | "+words+"\n") {
			t.Errorf("not quoted: %+v\n%s", st, r)
		}
	}
	st := s.start("-t", "300")
	if st.Said != nil {
		t.Errorf("quoted without need: %q", st.Said)
	}
	leftBehind(t, leftovers["file"], stale)
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	s.tell("reset") // the start is made now
	eventually(t, "it is quoted", func() bool { st = s.status(); return st.State == "backoff" && st.Said != nil })
	quoted(st)

	kill(t, st.SupervisorPID, unix.SIGKILL)
	if r := s.tell("adopt"); r.code != 0 {
		t.Fatalf("adopt: %v", r)
	}
	quoted(s.status())
	s.upgrade()
	quoted(s.status())

	if err := os.Remove(stale); err != nil {
		t.Fatal(err)
	}
	s.tell("reset")
	quoted(s.waitState("running")) // for a while: why did it crash?
	s.stop()

	st = s.start("-t", "0.1", "-n", "2")
	leftBehind(t, leftovers["file"], stale)
	kill(t, st.MainPID, unix.SIGKILL)
	quoted(s.waitEnd(st, "failed"))
}
