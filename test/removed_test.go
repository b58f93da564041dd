//go:build linux

package test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Whatever of a supervisor's files is removed, by a cleaner or by hand, status, list, stop and
// start tell and do what is true, and there is never a second instance.
func TestRemovedFiles(t *testing.T) {
	t.Parallel()
	for what, remove := range map[string]func(s *service) error{
		"lock":   func(s *service) error { return os.Remove(s.runtime + "/shape.lock") },
		"socket": func(s *service) error { return os.Remove(s.runtime + "/shape.sock") },
		"state":  func(s *service) error { return os.Remove(s.runtime + "/shape.state") },
		"all":    func(s *service) error { return os.RemoveAll(s.runtime) },
		"moved":  func(s *service) error { return os.Rename(s.runtime, tempDir(s.t)+"/away") },
		"files": func(s *service) error {
			files, _ := filepath.Glob(s.runtime + "/shape.*")
			for _, file := range files {
				_ = os.Remove(file) // some are replaced meanwhile
			}
			return nil
		},
	} {
		for _, user := range []string{"root", "user"} {
			t.Run(what+" "+user, func(t *testing.T) {
				t.Parallel()
				s := newShape(t, "double-fork")
				if user == "user" {
					needRoot(t)
					s.as(61301)
				}
				st := s.start("-t", "0.2", "--follow-forks")
				lost := func() {
					t.Helper()
					if err := remove(s); err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTEMPTY) {
						t.Fatal(err) // else it is just being put back
					}
				}
				lost()
				if now := s.mustRun(); now.MainPID != st.MainPID || now.SupervisorPID != st.SupervisorPID {
					t.Errorf("first %+v\nnow %+v", st, now)
				}
				lost()
				if r := finish(t, command(t, s.binary, "list", "--runtime-dir", s.runtime)); r.code != 0 || !strings.Contains(r.stdout, "shape") {
					t.Errorf("list: %v", r)
				}
				lost()
				mustSay(t, s.tell("start", "-t", "0.2", "--follow-forks"), "shape already runs, main pid "+strconv.Itoa(st.MainPID))
				lost()
				s.upgrade()
				s.crash(s.mustRun().MainPID)
				lost()
				s.stop()
				s.starts(2)
				if now := s.start(); now.MainPID == st.MainPID {
					t.Errorf("it was stopped: %+v", now)
				}
				s.stop()
			})
		}
	}
}

// What was removed, and is there again, serves a later supervisor: the state above all.
func TestRemovedFilesOfAKilledSupervisor(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	st := s.start("--follow-forks")
	if err := os.RemoveAll(s.runtime); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{".lock", ".sock", ".command", ".history", ".state"} {
		awaitFile(t, s.runtime+"/shape"+file)
	}
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.mustBeOrphaned(st.MainPID)
	if r := s.tell("adopt"); r.code != 0 {
		t.Fatalf("adopt: %v", r)
	}
	if now := s.mustRun(); now.MainPID != st.MainPID {
		t.Errorf("was %+v\nnow %+v", st, now)
	}
	s.starts(1)
	s.stop()
}

// awaitFile waits until a file is there, in a folder that may come and go.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	eventually(t, path+" is there", func() bool { return exists(path) })
}

// A folder that can't be put back is told of, and what runs is not started again; when it can be, all
// is as before.
func TestRemovedFilesThatCanNotBePutBack(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	s.as(61302)
	above := s.dir + "/above"
	s.runtime = above + "/run"
	if err := errors.Join(os.Mkdir(above, 0o755), os.Chown(above, 61302, -1)); err != nil {
		t.Fatal(err)
	}
	st := s.start()
	if err := errors.Join(os.Chown(above, 0, -1), os.RemoveAll(s.runtime)); err != nil {
		t.Fatal(err)
	}
	mustFail(t, s.tell("start"), 1, "permission denied")
	mustFail(t, s.tell("status"), 4, "was removed, and they can't put it back")
	s.log.waitFor(`can't be put back`, 1)
	if err := os.Chown(above, 61302, -1); err != nil {
		t.Fatal(err)
	}
	if now := s.mustRun(); now.MainPID != st.MainPID {
		t.Errorf("was %+v\nnow %+v", st, now)
	}
	s.starts(1)
	s.stop()
}

// A user with the means of one login, and of another.
type login struct {
	t    *testing.T
	uid  int
	home string
	env  []string
}

func newLogin(t *testing.T, uid int, env ...string) login {
	t.Helper()
	needRoot(t)
	l := login{t, uid, tempDir(t), env}
	if err := errors.Join(os.Chown(l.home, uid, uid), os.Chmod(l.home, 0o755)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(fmt.Sprintf("/tmp/respawner-%d", uid)) })
	return l
}

func (l login) does(words ...string) result {
	l.t.Helper()
	as := []string{fmt.Sprintf("--reuid=%d", l.uid), fmt.Sprintf("--regid=%d", l.uid), "--clear-groups", respawner}
	cmd := command(l.t, "setpriv", append(as, words...)...)
	cmd.Env = append(append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.home, "RESPAWNER_RUNTIME_DIR="}, l.env...), mark(l.t))
	return finish(l.t, cmd)
}

// folder makes one for XDG_RUNTIME_DIR.
func (l login) folder(path string) {
	l.t.Helper()
	if err := errors.Join(os.MkdirAll(path, 0o700), os.Chown(path, l.uid, l.uid), os.Chmod(path, 0o700)); err != nil {
		l.t.Fatal(err)
	}
}

// mustBeOne asserts that web is the one instance that is known.
func (l login) mustBeOne(main int) {
	l.t.Helper()
	for _, words := range [][]string{{"status", "web"}, {"list"}} {
		if r := l.does(words...); r.code != 0 || !strings.Contains(r.stdout, strconv.Itoa(main)) {
			l.t.Errorf("%v with %q: %v", words, l.env, r)
		}
	}
	if r := l.does("start", "--name", "web", "sleep", "--", "1000"); r.code != 0 || !strings.Contains(r.stdout, "already runs") {
		l.t.Errorf("start with %q: %v", l.env, r)
	}
}

// begin starts web, and returns its main pid.
func (l login) begin() int {
	l.t.Helper()
	l.t.Cleanup(func() { killAll(func() []process { return belonging(l.t) }) })
	r := l.does("start", "--name", "web", "sleep", "--", "1000")
	said := matches(`main pid (\d+)`, r.stdout)
	if r.code != 0 || len(said) != 1 {
		l.t.Fatalf("start: %v", r)
	}
	return number(said[0][1])
}

// end stops web; nothing is left.
func (l login) end() {
	l.t.Helper()
	if r := l.does("stop", "web"); r.code != 0 || !strings.Contains(r.stdout, "was stopped") {
		l.t.Errorf("stop: %v", r)
	}
	if left := belonging(l.t); len(left) > 0 {
		l.t.Errorf("left:\n%s", list(left))
	}
}

// cron and su have no XDG_RUNTIME_DIR, a login has: it is the same world.
func TestLoginWithoutXDG(t *testing.T) {
	t.Parallel()
	cron := newLogin(t, 61303)
	desk := cron
	xdg := cron.home + "/xdg"
	desk.env = []string{"XDG_RUNTIME_DIR=" + xdg}
	desk.folder(xdg)
	for _, pair := range [][2]login{{cron, desk}, {desk, cron}} {
		main := pair[0].begin()
		pair[0].mustBeOne(main)
		if pair[0].env == nil {
			pair[1].mustBeOne(main)
			pair[1].end()
		} else { // of a folder that only the variable names, and that is gone, nothing is known but the name
			if r := pair[1].does("start", "--name", "web", "sleep", "--", "1000"); r.code == 0 && !strings.Contains(r.stdout, "already runs") {
				t.Errorf("a second instance: %v", r)
			}
			pair[0].end()
		}
	}
}

// A logout takes the folder away with its file system; a login brings another one.
func TestLogout(t *testing.T) {
	t.Parallel()
	l := newLogin(t, 61304)
	xdg := l.home + "/xdg"
	l.env = []string{"XDG_RUNTIME_DIR=" + xdg}
	login := func() {
		t.Helper()
		l.folder(xdg)
		if err := unix.Mount("tmpfs", xdg, "tmpfs", 0, fmt.Sprintf("uid=%d,gid=%d,mode=700", l.uid, l.uid)); err != nil {
			skip(t, fmt.Sprintf("can't mount a tmpfs: %v", err))
		}
		t.Cleanup(func() { _ = unix.Unmount(xdg, unix.MNT_DETACH) })
	}
	logout := func() {
		t.Helper()
		if err := errors.Join(unix.Unmount(xdg, unix.MNT_DETACH), os.RemoveAll(xdg)); err != nil {
			t.Fatal(err)
		}
	}
	login()
	main := l.begin()
	for range 3 {
		logout()
		l.mustBeOne(main)
		login()
		l.mustBeOne(main)
	}
	l.end()
	if left := belonging(t); len(left) > 0 {
		t.Errorf("left:\n%s", list(left))
	}
}

// Files vanish at random under many services: each is a single instance that can be stopped.
// RESPAWNER_REMOVALS is how many services and removals; make test-removals has 200.
func TestRandomRemovals(t *testing.T) {
	n := 20
	if more := os.Getenv("RESPAWNER_REMOVALS"); more != "" {
		n = number(more)
	}
	dir := tempDir(t)
	t.Cleanup(func() { killAll(func() []process { return belonging(t) }) })
	run := func(words ...string) result {
		return finishWithin(t, command(t, respawner, append([]string{words[0], "--runtime-dir", dir + "/run"}, words[1:]...)...), 4*patience)
	}
	first := make([]int, n)
	atOnce(n, func(i int) {
		r := run("start", "--log", dir+"/log", "--output", "none", "--name", fmt.Sprintf("s%d", i), "sleep", "--", "100000")
		if said := matches(`main pid (\d+)`, r.stdout); len(said) == 1 {
			first[i] = number(said[0][1])
		} else {
			t.Errorf("start: %v", r)
		}
	})
	for range n {
		files, _ := filepath.Glob(dir + "/run/s*") // the pattern is good
		if len(files) > 0 {
			_ = os.Remove(files[rand.IntN(len(files))]) // another one may be putting it back
		}
	}
	atOnce(n, func(i int) { // while they are put back
		if r := run("start", "--log", dir+"/log", "--output", "none", "--name", fmt.Sprintf("s%d", i), "sleep", "--", "100000"); !strings.Contains(r.stdout, "already runs") {
			t.Errorf("a second start: %v", r)
		}
	})
	var all []status
	if r := run("list", "--json"); json.Unmarshal([]byte(r.stdout), &all) != nil || len(all) != n {
		t.Fatalf("list: %d of %d: %v", len(all), n, r)
	}
	for _, s := range all {
		if i := number(strings.TrimPrefix(s.Name, "s")); s.State != "running" || s.MainPID != first[i] {
			t.Errorf("%s: %+v", s.Name, s)
		}
	}
	if sleeps := sleeping(t); len(sleeps) != n {
		t.Errorf("%d instances of %d", len(sleeps), n)
	}
	if r := run("stop", "s*"); r.code != 0 || strings.Count(r.stdout, "was stopped") != n {
		t.Errorf("stop: %v", r)
	}
	if left := belonging(t); len(left) > 0 {
		t.Errorf("left:\n%s", list(left))
	}
}

// sleeping are the instances of a test.
func sleeping(t *testing.T) (all []process) {
	for _, p := range belonging(t) {
		if p.name == "sleep" {
			all = append(all, p)
		}
	}
	return all
}

// atOnce does something n times, some at a time.
func atOnce(n int, do func(i int)) {
	var all sync.WaitGroup
	places := make(chan struct{}, 8)
	for i := range n {
		all.Go(func() {
			places <- struct{}{}
			do(i)
			<-places
		})
	}
	all.Wait()
}

// A cleaner leaves alone what is in use: it sees that the socket lives, and the sticky bit of the rest.
func TestCleanerLeavesFilesAlone(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	sockets, err := os.ReadFile("/proc/net/unix")
	if err != nil || !strings.Contains(string(sockets), " "+s.runtime+"/shape.sock\n") {
		t.Errorf("no socket %s/shape.sock lives (%v)", s.runtime, err)
	}
	if path, err := exec.LookPath("systemd-tmpfiles"); err == nil {
		conf := writeFile(t, s.dir+"/clean.conf", "D "+s.runtime+" 0700 - - 1us\n", 0o644)
		shell(t, path, "--clean", conf)
	}
	for _, file := range []string{"shape.lock", "shape.sock", "shape.state", "shape.command", "shape.history", "pipes/shape.out", "respawner-shape.pid"} {
		if info, err := os.Lstat(s.runtime + "/" + file); err != nil || info.Mode()&os.ModeSticky == 0 {
			t.Errorf("%s: %v", file, err)
		}
	}
	if s.log.count(`put back`) > 0 {
		t.Error("it was not left alone")
	}
	s.stop()
}

// Knocks without end keep a supervisor from nothing.
func TestFloodOfKnocks(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "0")
	before := lockNames(t)
	if len(before) == 0 {
		t.Fatal("no second lock is seen")
	}
	var flood sync.WaitGroup
	done := make(chan struct{})
	flood.Go(func() {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK, 0)
		for i := 0; err == nil; i++ {
			_ = unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrUnix{Name: before[i%len(before)]}) // its queue may be full
			select {
			case <-done:
				_ = unix.Close(fd)
				return
			default:
			}
		}
		t.Error(err)
	})
	for range 3 {
		st = s.crash(s.mustRun().MainPID)
	}
	if err := os.RemoveAll(s.runtime); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
		t.Error(err)
	}
	if now := s.mustRun(); now.MainPID != st.MainPID {
		t.Errorf("was %+v\nnow %+v", st, now)
	}
	close(done)
	flood.Wait()
	s.stop()
}

// lockNames are the second locks of services that are named shape.
func lockNames(t *testing.T) (names []string) {
	t.Helper()
	sockets, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range matches(` (@respawner/\d+/[0-9a-f]+/shape)$`, string(sockets)) {
		names = append(names, found[1])
	}
	return names
}
