//go:build linux

package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// addRelease makes a release of a program, in a folder of its own.
func addRelease(t *testing.T, root, number string) string {
	t.Helper()
	dir := filepath.Join(root, "releases", number)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, dir+"/conf", "conf of "+number+"\n", 0o644)
	writeFile(t, dir+"/srv.sh", "#!/bin/sh\necho release "+number+" in $(pwd -P) has $(cat conf)\nexec sleep 300\n", 0o755)
	return dir
}

// moveLink has the link lead to a release, as a deploy does.
func moveLink(t *testing.T, root, number string) {
	t.Helper()
	next := root + "/next"
	if err := os.Symlink("releases/"+number, next); err != nil {
		t.Fatal(err)
	}
	rename(t, next, root+"/current")
}

// newDeploy is a service that is started as a user does it in a shell: cd
// current, start ./srv.sh.
func newDeploy(t *testing.T) (s *service, root string) {
	t.Helper()
	root = tempDir(t)
	addRelease(t, root, "1")
	addRelease(t, root, "2")
	moveLink(t, root, "1")
	s = newService(t, "./srv.sh")
	s.folder, s.env = root+"/current", []string{"PWD=" + root + "/current"}
	return s, root
}

// mustRelease waits until a release has said so, and that its folder and its
// files are its own.
func (s *service) mustRelease(root, number string, times int) {
	s.t.Helper()
	s.kept().waitFor("release "+number+" in "+root+"/releases/"+number+" has conf of "+number+"$", times)
}

// After the link has moved a crash, a restart, an upgrade of the supervisor and
// an adoption run the new release, in its own folder.
func TestDeployBehindALink(t *testing.T) {
	t.Parallel()
	s, root := newDeploy(t)
	st := s.start("-t", "0.1")
	s.mustRelease(root, "1", 1)
	moveLink(t, root, "2")
	if err := os.RemoveAll(root + "/releases/1"); err != nil {
		t.Fatal(err)
	}
	s.folder = ""
	st = s.crash(st.MainPID)
	s.mustRelease(root, "2", 1)
	if cwd, err := os.Readlink("/proc/" + strconv.Itoa(st.MainPID) + "/cwd"); cwd != root+"/releases/2" {
		t.Errorf("it runs in %s, %v", cwd, err)
	}

	addRelease(t, root, "3")
	moveLink(t, root, "3")
	if r := s.tell("restart"); r.code != 0 {
		t.Fatalf("restart: %v", r)
	}
	s.mustRelease(root, "3", 1)

	addRelease(t, root, "4")
	moveLink(t, root, "4")
	if err := os.RemoveAll(root + "/releases/3"); err != nil {
		t.Fatal(err)
	}
	if r := s.tell("upgrade"); r.code != 0 {
		t.Fatalf("upgrade: %v", r)
	}
	s.crash(s.mustRun().MainPID)
	s.mustRelease(root, "4", 1)

	addRelease(t, root, "5")
	moveLink(t, root, "5")
	kill(t, s.status().SupervisorPID, unix.SIGKILL)
	if r := s.tell("adopt"); r.code != 0 {
		t.Fatalf("adopt: %v", r)
	}
	s.crash(s.mustRun().MainPID)
	s.mustRelease(root, "5", 1)
	s.stop()
}

// A folder that is gone is an error that names it; when it is there again the
// next start runs.
func TestDeployFolderIsGone(t *testing.T) {
	t.Parallel()
	s, root := newDeploy(t)
	s.program = root + "/srv.sh"
	writeFile(t, s.program, "#!/bin/sh\nexec sleep 300\n", 0o755)
	st := s.start("-t", "0.3")
	s.folder = ""
	rename(t, root+"/current", root+"/away")
	kill(t, st.MainPID, unix.SIGKILL)
	s.log.waitFor(`srv.sh restart failed: the folder `+root+`/current, in which it was started, is gone`, 1)
	if r := s.tell("status"); r.code != 3 || !strings.Contains(r.stdout, root+"/current") {
		t.Errorf("status does not name the folder: %v", r)
	}
	rename(t, root+"/away", root+"/current")
	s.waitState("running")

	rename(t, root+"/current", root+"/away")
	mustFail(t, s.tell("restart"), 1, root+"/current", "is gone")
	s.mustNotRun("failed")
}

// A shell may be in a folder that was removed.
func TestDeployStartInARemovedFolder(t *testing.T) {
	t.Parallel()
	s := newService(t, "sleep", "300")
	gone := s.dir + "/gone"
	start := strings.Join(s.words("start"), "' '")
	r := shell(t, "sh", "-c", "mkdir "+gone+"; cd "+gone+"; rmdir "+gone+"; '"+respawner+"' '"+start+"'")
	mustFail(t, r, 1, gone, "was removed")
	s.mustNotRun("stopped")
}

// A folder that has no name for the user (sudo -u in /root) is inherited.
func TestDeployInAFolderOfRoots(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newService(t, "sh", "-c", "echo here $(pwd -P); exec sleep 300")
	s.as(12345)
	s.folder = tempDir(t) + "/inner"
	if err := os.Mkdir(s.folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(s.folder), 0o700); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PWD=" + s.folder}
	st := s.start("-t", "0.1")
	st = s.crash(st.MainPID)
	if cwd, err := os.Readlink("/proc/" + strconv.Itoa(st.MainPID) + "/cwd"); cwd != s.folder {
		t.Errorf("it runs in %s, %v", cwd, err)
	}
	s.stop()
}
