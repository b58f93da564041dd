//go:build linux

package test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The pidfile decides where nothing else can; it may come late, and be empty
// at first.
func TestPidfileNamesMain(t *testing.T) {
	for name, options := range map[string][]string{
		"at once":      nil,
		"late":         {"late=300"},
		"empty, later": {"late=300", "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "twins")
			pidfile := s.dir + "/pidfile"
			s.args = append(s.args, append(options, "pidfile="+pidfile)...)
			s.tell("start", "-t", "0.2", "--follow-forks", "-p", pidfile)
			first, second := s.truth("first", 1), s.truth("second", 1)
			named := func(pid int) {
				t.Helper() // it may be main before, by a guess
				eventually(t, "the one in the pidfile is main", func() bool {
					b, _ := os.ReadFile(pidfile)
					return strings.TrimSpace(string(b)) == fmt.Sprint(pid) && s.status().MainPID == pid
				})
			}
			named(second)

			kill(t, first, unix.SIGKILL)
			s.quiet()
			s.crash(second)
			third := s.truth("second", 2)
			named(third)
			s.starts(2)
			s.stop()
		})
	}
}

// A daemon that refuses to start beside its old pidfile is started all the
// same: the pidfile of the dead is removed.
func TestStalePidfileDoesNotStopTheRestart(t *testing.T) {
	for _, shape := range []string{"double-fork", "foreground"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, shape)
			pidfile := s.dir + "/pidfile"
			s.args = append(s.args, "refuse", "pidfile="+pidfile)
			st := mustBeMain(s, s.start("-t", "0.2", "-p", pidfile), 1)
			mustBeMain(s, s.crash(st.MainPID), 2)
			s.starts(2)
			s.stop()
		})
	}
}

// Without PATH it is where the seed has it.
func TestPidfileDefaultPath(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	s.name = "rsptest-" + filepath.Base(s.dir)
	folder := "/tmp/"
	if os.Geteuid() == 0 {
		folder = "/run/"
	}
	pidfile := folder + s.name + ".pid"
	t.Cleanup(func() { os.Remove(pidfile) })
	s.args = append(s.args, "refuse", "pidfile="+pidfile)
	st := mustBeMain(s, s.start("-t", "0.2", "-p", "--follow-forks"), 1)
	mustBeMain(s, s.crash(st.MainPID), 2)
	s.stop()
}

// badPidfiles are what a pidfile should not be.
var badPidfiles = map[string]func(path string) error{
	"empty":          content(""),
	"garbage":        content("not a pid\n"),
	"zero bytes":     content(strings.Repeat("\x00", 100)),
	"huge":           content(strings.Repeat("1234567890", 200_000)),
	"a huge number":  content("99999999999999999999999\n"),
	"two pids":       content("12 34\n"),
	"a pid of none":  content("4194303\n"),
	"a directory":    func(path string) error { return os.Mkdir(path, 0o755) },
	"a fifo":         func(path string) error { return unix.Mkfifo(path, 0o644) },
	"a symlink loop": func(path string) error { return os.Symlink(path, path) },
	"a device":       func(path string) error { return os.Symlink("/dev/zero", path) },
}

func content(text string) func(path string) error {
	return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
}

// With a bad pidfile the service is started, followed and stopped as without,
// and the log tells what is wrong.
func TestBadPidfile(t *testing.T) {
	for name, spoil := range badPidfiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "double-fork")
			pidfile := s.dir + "/bad.pid"
			if err := spoil(pidfile); err != nil {
				t.Fatal(err)
			}
			survive(s, pidfile)
		})
	}
}

// survive runs a service through start, crash and stop with a bad pidfile.
func survive(s *service, pidfile string) {
	s.t.Helper()
	st := mustBeMain(s, s.start("-t", "0.2", "--follow-forks", "-p", pidfile), 1)
	s.complains("bad.pid")
	mustBeMain(s, s.crash(st.MainPID), 2)
	s.stop()
	s.starts(2)
}

// complains asserts that the log or the status has a word on something.
func (s *service) complains(about string) {
	s.t.Helper()
	eventually(s.t, "a word on "+about, func() bool {
		return s.log.count(`.*`+about) > 0 || strings.Contains(s.status().Message, about)
	})
}

// A pidfile that names a stranger, in a folder where only we can write (a pid
// that was used again) or where all can (an attack): the stranger is left alone.
func TestPidfileNamesStranger(t *testing.T) {
	for name, mode := range map[string]os.FileMode{"our folder": 0o700, "a folder for all": 0o777} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stranger := launch(t, command(t, "sleep", "300"))
			s := newShape(t, "double-fork")
			folder := tempDir(t)
			pidfile := writeFile(t, folder+"/bad.pid", fmt.Sprintln(stranger.pid()), 0o666)
			if err := os.Chmod(folder, mode); err != nil {
				t.Fatal(err)
			}
			st := mustBeMain(s, s.start("-t", "0.2", "--follow-forks", "-p", pidfile), 1)
			s.complains("pidfile")
			mustBeMain(s, s.crash(st.MainPID), 2)
			if r := s.tell("stop"); r.code != 0 {
				t.Errorf("stop: %v", r)
			}
			stranger.mustLive()
		})
	}
}

// A pidfile that names the supervisor itself.
func TestPidfileNamesSupervisor(t *testing.T) {
	t.Parallel()
	s := newService(t, "sh")
	s.args = []string{"-c", "echo $PPID >" + s.dir + "/bad.pid; exec sleep 300"}
	st := s.start("-t", "0.2", "-p", s.dir+"/bad.pid")
	s.complains("pidfile")
	if st.MainPID == st.SupervisorPID {
		t.Errorf("the supervisor is its own main process: %+v", st)
	}
	s.crash(st.MainPID)
	s.stop()
}

// A pidfile that names pid 0, 1 or -1, which stand for many processes when they are
// signalled. It runs in a pid namespace, where that would be a few of ours only.
func TestPidfileNamesEverybody(t *testing.T) {
	needShape(t)
	if !insideOf("a pid namespace") {
		t.Parallel()
		inside(t, "a pid namespace", unshare("--pid", "--fork", "--mount-proc"), t.Name())
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	for _, text := range []string{"0", "1", "-1", "-2", "+1", "00000000001"} {
		t.Run(text, func(t *testing.T) {
			stranger := launch(t, command(t, "sleep", "300"))
			s := newShape(t, "double-fork")
			pidfile := writeFile(t, s.dir+"/bad.pid", text+"\n", 0o644)
			st := mustBeMain(s, s.start("-t", "0.2", "--follow-forks", "-p", pidfile), 1)
			s.complains("pidfile")
			mustBeMain(s, s.crash(st.MainPID), 2)
			if r := s.tell("stop"); r.code != 0 {
				t.Errorf("stop: %v", r)
			}
			select {
			case sig := <-signals:
				t.Errorf("pid 1 got %v", sig)
			default:
			}
			if !alive(stranger.pid()) {
				t.Error("a stranger was killed")
			}
			stranger.signal(unix.SIGKILL)
			stranger.code()
		})
	}
}
