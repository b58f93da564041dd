//go:build linux

package test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// elsewhere is a daemon that its program does not start itself: the program
// asks another process (here this test), which starts it and writes its
// pidfile. It descends from no process that a supervisor could know.
type elsewhere struct {
	*service
	pidfile string
	asked   *os.File
	daemon  *running
}

// newElsewhere puts the pidfile into a folder that only root can write.
func newElsewhere(t *testing.T, dir string) *elsewhere {
	t.Helper()
	fifo := tempDir(t) + "/asked"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	asked, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { asked.Close() })
	return &elsewhere{service: newService(t, "sh", "-c", "echo >"+fifo), pidfile: dir + "/daemon.pid", asked: asked}
}

// rootDir is a folder of root's, below none that others can write.
func rootDir(t *testing.T) string {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp("/run", "respawner-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// begin waits until the program asks, and starts the daemon.
func (e *elsewhere) begin() int {
	e.t.Helper()
	if _, err := e.asked.Read(make([]byte, 1)); err != nil {
		e.t.Error(err)
	}
	cmd := command(e.t, "sleep", "300")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	e.daemon = launch(e.t, cmd)
	e.writePidfile()
	return e.daemon.pid()
}

// writePidfile does what the process that starts the daemon does then.
func (e *elsewhere) writePidfile() {
	writeFile(e.t, e.pidfile, strconv.Itoa(e.daemon.pid())+"\n", 0o644)
}

// What a pidfile names that only root can have written is watched like
// the program's own: its death is noticed and how it died is known, it is
// restarted and stopped.
func TestPidfileOnly(t *testing.T) {
	for _, step := range steps(t) {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			e := newElsewhere(t, rootDir(t))
			first := make(chan int, 1)
			go func() { first <- e.begin() }()
			st := e.start("-t", "0.2", "--pidfile="+e.pidfile, "--tracking", step)
			if daemon := <-first; st.MainPID != daemon || len(st.PIDs) != 1 {
				t.Fatalf("the daemon is %d, but %+v", daemon, st)
			}
			second := make(chan int, 1)
			old := e.daemon
			go func() { second <- e.begin() }()
			now := e.crash(st.MainPID)
			if daemon := <-second; now.MainPID != daemon {
				t.Fatalf("the daemon is %d, but %+v", daemon, now)
			}
			if old.code(); now.LastExit == nil || now.LastExit.PID != st.MainPID || now.LastExit.Signal != int(unix.SIGKILL) { // not of the program, that asked for the second
				t.Errorf("last exit: %+v", now.LastExit)
			}
			e.stop()
			if e.daemon.code(); e.daemon.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != unix.SIGTERM {
				t.Errorf("the daemon ended with %v", e.daemon.cmd.ProcessState)
			}
			if last := e.status().LastExit; last == nil || last.PID != now.MainPID || last.Signal != int(unix.SIGTERM) {
				t.Errorf("last exit: %+v", last)
			}
		})
	}
}

// A pidfile that others could have written names no main process, nor does one that
// names a process of before. No process is signalled for it.
func TestPidfileOfStrangers(t *testing.T) {
	needRoot(t)
	for name, test := range map[string]struct {
		dir  func(t *testing.T) string
		old  bool // the process is older than the start
		says string
	}{
		"in a folder of all":     {tempDir, false, "can be written by others"},
		"older than the start":   {rootDir, true, "it was there before the start"},
		"in a user's own folder": {usersDir, false, "belongs to another user"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newElsewhere(t, test.dir(t))
			done := make(chan struct{})
			if test.old {
				e.daemon = launch(t, command(t, "sleep", "300"))
			}
			go func() {
				defer close(done)
				if !test.old {
					e.begin()
					return
				}
				_, _ = e.asked.Read(make([]byte, 1))
				e.writePidfile()
			}()
			r := e.tell("start", "-t", "0.2", "--pidfile="+e.pidfile)
			<-done
			if r.code != 1 || !strings.Contains(e.log.text(), test.says) {
				t.Errorf("start: %v; log:\n%s", r, e.log.text())
			}
			e.mustNotRun("stopped") // the program left no process that could be trusted
			e.daemon.mustLive()
		})
	}
}

func usersDir(t *testing.T) string {
	t.Helper()
	dir := rootDir(t)
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	return dir
}

// With --no-follow-forks it is the program that counts, whatever is named.
func TestPidfileOnlyIsNotFollowed(t *testing.T) {
	t.Parallel()
	e := newElsewhere(t, rootDir(t))
	e.args = []string{"-c", e.args[1] + "; exec sleep 300"}
	go e.begin()
	st := e.start("--no-follow-forks", "--pidfile="+e.pidfile)
	e.log.waitFor("with --no-follow-forks it would have to be the program itself", 1)
	if now := e.mustRun(); now.MainPID != st.MainPID || len(now.PIDs) != 1 {
		t.Errorf("%+v", now)
	}
	e.daemon.signal(unix.SIGKILL)
	e.daemon.code()
	e.quiet()
	e.stop()
}

// A process of before the start is not taken for the daemon by a later
// supervisor, or binary, either.
func TestPidfileOfStrangersAfterATakeover(t *testing.T) {
	for name, change := range map[string]func(s *service, st status){
		"upgrade": func(s *service, _ status) { s.upgrade() },
		"adopt": func(s *service, st status) {
			kill(s.t, st.SupervisorPID, unix.SIGKILL)
			eventually(s.t, "adopt", func() bool { return s.tell("adopt").code == 0 })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pidfile := rootDir(t) + "/daemon.pid"
			stranger := launch(t, command(t, "sleep", "300"))
			s := newShape(t, "double-fork")
			st := mustBeMain(s, s.start("--follow-forks", "--pidfile="+pidfile), 1)
			change(s, st)
			writeFile(t, pidfile, strconv.Itoa(stranger.pid())+"\n", 0o644)
			s.complains("daemon.pid")
			if now := s.status(); now.MainPID != st.MainPID || len(now.PIDs) != len(st.PIDs) {
				t.Errorf("%+v became %+v", st, now)
			}
			if r := s.tell("stop"); r.code != 0 {
				t.Errorf("stop: %v", r)
			}
			stranger.mustLive()
		})
	}
}
