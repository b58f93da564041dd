//go:build linux

package test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/test/fuse"
)

// saysRunning asserts that status is answered at once, whatever hangs.
func saysRunning(s *service, main int) {
	s.t.Helper()
	s.answers("status")
	if st := s.status(); st.State != "running" || st.MainPID != main {
		s.t.Errorf("main is %d, but status says %+v", main, st)
	}
}

// thawed has a file system answer again, and the service end well.
func thawed(s *service, fs *fuse.FS) {
	s.t.Helper()
	fs.Thaw()
	s.waitState("running")
	s.stop()
	s.mustNotRun("stopped")
}

// crashes has main crash, and asserts that its next run comes, and that status is answered.
func crashes(s *service, run int) {
	s.t.Helper()
	kill(s.t, s.truth("main", run-1), unix.SIGKILL)
	main := s.truth("main", run)
	eventuallyWithin(s.t, 10*soon, "it runs again", func() bool { return s.status().MainPID == main })
	saysRunning(s, main)
}

// The disk of the log hangs: what is to be written there waits, and nothing else
// does. A crash is followed by a restart, status is answered.
func TestLogDiskHangs(t *testing.T) {
	t.Parallel()
	dir, fs := newHanging(t)
	s := newShape(t, "foreground")
	s.log.path = dir + "/log"
	st := s.start("-t", "0")
	t.Cleanup(fs.Thaw)
	fs.Hang(fuse.All)
	saysRunning(s, st.MainPID)
	for run := 2; run <= 4; run++ {
		crashes(s, run)
	}
	thawed(s, fs)
	s.starts(4)
	if s.log.count(`restarted\(3/0\)`) != 1 {
		t.Error("the log does not tell of the third restart")
	}
}

// The disk of the program's output hangs: the program waits when its pipe is full,
// and nothing else does.
func TestOutputDiskHangs(t *testing.T) {
	t.Parallel()
	dir, fs := newHanging(t)
	s := newShell(t, `echo main $$ >>"$0"; while echo noise; do :; done`)
	s.args = append(s.args, s.journal.path)
	st := s.start("-t", "0", "--output", dir+"/output")
	t.Cleanup(fs.Thaw)
	fs.Hang(fuse.All)
	saysRunning(s, st.MainPID)
	crashes(s, 2)
	thawed(s, fs)
}

// The disk of the state directory hangs when it is written to: a crash is followed
// by a restart, status is answered. It can be read, or no client would find the
// socket.
func TestStateDirectoryHangs(t *testing.T) {
	t.Parallel()
	dir, fs := newHanging(t)
	s := newShape(t, "foreground")
	s.runtime = dir + "/run"
	st := s.start("-t", "0")
	t.Cleanup(fs.Thaw)
	fs.Hang(fuse.Changes)
	saysRunning(s, st.MainPID)
	for run := 2; run <= 4; run++ {
		crashes(s, run)
	}
	thawed(s, fs)
	s.starts(4)
}

// The folder of the pidfile hangs: what it says is not known meanwhile, status is
// answered. When it answers again, the daemon is restarted.
func TestPidfileFolderHangs(t *testing.T) {
	t.Parallel()
	dir, fs := newHanging(t)
	s := newShape(t, "double-fork")
	if err := os.Mkdir(dir+"/pid", 0o755); err != nil {
		t.Fatal(err)
	}
	s.args = append(s.args, "pidfile="+dir+"/pid/file")
	st := s.start("-t", "0", "-p", dir+"/pid/file")
	t.Cleanup(fs.Thaw)
	fs.Hang(fuse.All)
	saysRunning(s, st.MainPID)
	kill(t, st.MainPID, unix.SIGKILL)
	within(t, soon, func() { finishWithin(t, s.command("status"), 10*soon) })
	eventuallyWithin(t, 10*soon, "the crash is told of", func() bool { return s.status().MainPID != st.MainPID })
	fs.Thaw()
	s.truth("main", 2)
	thawed(s, fs)
	s.starts(2)
}
