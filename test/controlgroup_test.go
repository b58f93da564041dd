//go:build linux

package test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Two uids and a group that no user has.
const (
	memberUID   = "23451"
	strangerUID = "23452"
	teamGID     = "23453"
)

// Members of the control group may look and act; a user of another group may not
// even look, and is told which group may.
func TestControlGroup(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	st := s.start("--control-group", teamGID)
	as := func(uid, groups, verb string, options ...string) result {
		t.Helper()
		words := []string{"setpriv", "--reuid=" + uid, "--regid=" + uid, groups, respawner}
		return shell(t, append(words, s.words(verb, options...)...)...)
	}
	member := func(verb string, options ...string) result {
		t.Helper()
		return as(memberUID, "--groups="+teamGID, verb, options...)
	}
	if r := member("status"); r.code != 0 || !strings.HasPrefix(r.stdout, `"shape" process is running`) {
		t.Errorf("status by a member: %v", r)
	}
	if r := member("restart"); r.code != 0 {
		t.Errorf("restart by a member: %v", r)
	}
	if now := s.mustRun(); now.MainPID == st.MainPID || now.SupervisorPID != st.SupervisorPID {
		t.Errorf("before: %+v\nnow: %+v", st, now)
	}
	if r := member("history"); r.code != 0 || !strings.Contains(r.stdout, "life 2 of 2") {
		t.Errorf("history by a member: %v", r)
	}
	for verb, code := range map[string]int{"status": 4, "restart": 1, "stop": 1, "events": 1, "history": 1, "wait": 1} {
		mustFail(t, as(strangerUID, "--clear-groups", verb), code, "--control-group")
	}
	if r := member("stop"); r.code != 0 {
		t.Errorf("stop by a member: %v", r)
	}
	s.mustNotRun("stopped")
}

// The socket itself knows which users may: a runtime directory that all may enter
// changes nothing.
func TestStrangerInAnOpenDirectory(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.start()
	if err := os.Chmod(s.runtime, 0o755); err != nil {
		t.Fatal(err)
	}
	stranger := []string{"setpriv", "--reuid=" + strangerUID, "--regid=" + strangerUID, "--clear-groups", respawner}
	mustFail(t, shell(t, append(stranger, s.words("status")...)...), 4, "--control-group")
	mustFail(t, shell(t, append(stranger, s.words("stop")...)...), 1, "--control-group")
	s.mustRun()
	s.stop()
}

// Only the program's own lines are in its output: no other user can put one there,
// not even where all may enter the runtime directory.
func TestNobodyElseWritesOutput(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	for _, dir := range []string{s.dir, s.runtime} {
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	s.start("--control-group", teamGID)
	fifos := 0
	err := filepath.WalkDir(s.runtime, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type() != fs.ModeNamedPipe {
			return err
		}
		fifos++
		r := shell(t, "setpriv", "--reuid="+memberUID, "--regid="+memberUID, "--groups="+teamGID, "sh", "-c", `echo forged >"$0"`, path)
		if r.code == 0 {
			t.Errorf("%s can be written", path)
		}
		return nil
	})
	if err != nil || fifos != 1 {
		t.Errorf("%d FIFOs, %v", fifos, err)
	}
	s.stop()
}

// A process of the service that has given up its user can open descriptor 1 anew
// to write, as /dev/stdout, but not to read what others have written.
func TestWorkerCannotOpenOutput(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShell(t, `setpriv --reuid=`+strangerUID+` --clear-groups sh -c '
		echo opened >/dev/stdout
		: </proc/self/fd/1 && echo read' 2>&1; exec sleep 300`)
	s.start()
	s.kept().waitFor(`opened$`, 1)
	s.kept().waitFor(`[Pp]ermission denied`, 1)
	s.stop()
	if s.kept().count(`read$`) > 0 {
		t.Error("it was opened for reading")
	}
}
