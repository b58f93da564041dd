//go:build linux

package test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// The users of an attack: the supervisor is root's or an ordinary user's.
const (
	attackerUID = 23462
	victimUID   = 23461
)

// attack is one of a user on another one's supervisor.
type attack struct {
	*service
	folder   string // the attacker's, in which the victim may write
	precious string // a file of the victim's, with its own name in it
}

// eachVictim tries an attack on root, and on an ordinary user. The program says
// "begun", and 3 kB when it gets USR2.
func eachVictim(t *testing.T, try func(a *attack)) {
	t.Helper()
	needRoot(t)
	for _, uid := range []int{0, victimUID} {
		t.Run(fmt.Sprintf("uid %d", uid), func(t *testing.T) {
			t.Parallel()
			s := newShell(t, `echo begun; trap 'printf "%3000s of it\n" more' USR2; while :; do sleep 300 & wait $!; kill $!; done`)
			a := &attack{s, tempDir(t), s.dir + "/precious"}
			s.as(uid)
			chmodChown(t, a.folder, 0o777, attackerUID)
			writeFile(t, a.precious, "precious\n", 0o600)
			chmodChown(t, a.precious, 0o600, uid)
			try(a)
			if b, err := os.ReadFile(a.precious); string(b) != "precious\n" {
				t.Errorf("%s: %q, %v", a.precious, b, err)
			}
		})
	}
}

func chmodChown(t *testing.T, path string, mode os.FileMode, uid int) {
	t.Helper()
	if err := errors.Join(os.Chown(path, uid, uid), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// plants makes a link of the attacker's.
func (a *attack) plants(link, target string) string {
	a.t.Helper()
	if err := errors.Join(os.Symlink(target, link), os.Lchown(link, attackerUID, attackerUID)); err != nil {
		a.t.Fatal(err)
	}
	return link
}

// withheld makes a folder of the victim's with a file that the attacker is after,
// and a link to the folder. It returns the file, and its path through the link.
func (a *attack) withheld(name, text string) (file, planted string) {
	a.t.Helper()
	dir := a.dir + "/withheld"
	if err := os.Mkdir(dir, 0o755); err != nil {
		a.t.Fatal(err)
	}
	file = writeFile(a.t, dir+"/"+name, text, 0o644)
	return file, a.plants(a.folder+"/way", dir) + "/" + name
}

const plantedWords = "another user can have put it there"

// watchOpens returns what asserts that a file was not opened since.
func watchOpens(t *testing.T, path string) (notOpened func()) {
	t.Helper()
	fd := inotify(t)
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer unix.Close(fd)
		var buf [256]byte
		if n, err := unix.Read(fd, buf[:]); err != unix.EAGAIN {
			t.Errorf("%s was opened (%d, %v)", path, n, err)
		}
	}
}

// openFIFO makes a FIFO that has a writer: a reader of it would wait for ever.
func openFIFO(t *testing.T, path string) string {
	t.Helper()
	if err := unix.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	return path
}
