//go:build linux

package test

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// looks are the commands by which root looks at another user's services.
var looks = []string{"status", "logs", "history", "events", "tree", "list", "stop"}

// Whatever a user puts into a runtime folder, root's look at it comes to an end,
// and opens no FIFO.
func TestTrapsInAUsersFolder(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, suffix := range []string{".lock", ".sock", ".state", ".command", ".json", ".history", ".history.1"} {
		t.Run(suffix, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			path := openFIFO(t, dir+"/web"+suffix)
			chmodChown(t, dir, 0o700, attackerUID)
			chmodChown(t, path, 0o600, attackerUID)
			notOpened := watchOpens(t, path)
			for _, verb := range looks {
				rootLooks(t, dir, verb)
			}
			notOpened()
		})
	}
}

func rootLooks(t *testing.T, dir, verb string) result {
	t.Helper()
	words := []string{verb, "--runtime-dir", dir}
	if verb != "list" {
		words = append(words, "web")
	}
	r := call(t, words...)
	if r.code < 0 {
		t.Errorf("%s: %v", verb, r)
	}
	return r
}

// What a user's supervisor says of its output may be any path: logs opens no
// FIFO and no device there.
func TestTrapAsOutput(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, make := range map[string]func(t *testing.T, path string){
		"fifo":   func(t *testing.T, path string) { openFIFO(t, path) },
		"device": mknod,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tempDir(t)
			trap := dir + "/trap"
			make(t, trap)
			last := fmt.Sprintf(`{"name":"web","state":"stopped","output":%q,"pids":[],"processes":[]}`, trap)
			writeFile(t, dir+"/web.json", last, 0o644)
			chmodChown(t, dir, 0o755, attackerUID)
			notOpened := watchOpens(t, trap)
			mustFail(t, rootLooks(t, dir, "logs"), 1, "is a "+name)
			notOpened()
		})
	}
}

// A user's folder may have a link to the socket of root's own supervisor: what
// root tells the user's service does not get there.
func TestLinkToRootsSocket(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, plant := range map[string]func(old, new string) error{"link": os.Symlink, "hard link": os.Link} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, `exec sleep 300`)
			st := s.start()
			dir := tempDir(t)
			lock := writeFile(t, dir+"/web.lock", "", 0o600)
			chmodChown(t, dir, 0o700, attackerUID)
			chmodChown(t, lock, 0o600, attackerUID)
			if err := plant(s.socket(), dir+"/web.sock"); err != nil {
				t.Fatal(err)
			}
			for _, verb := range append(looks, "restart", "reload", "reset") {
				rootLooks(t, dir, verb)
			}
			if now := s.mustRun(); now.MainPID != st.MainPID || !alive(st.SupervisorPID) {
				t.Errorf("before: %+v\nnow: %+v", st, now)
			}
			s.stop()
		})
	}
}

// A log that is a link in another user's folder is not shown to root as that
// user's.
func TestLogsThroughAPlantedLink(t *testing.T) {
	t.Parallel()
	eachVictim(t, func(a *attack) {
		out := textFile{a.t, a.folder + "/x.log"}
		st := a.start("--output", out.path)
		out.waitFor(`begun$`, 1)
		rename(a.t, out.path, a.folder+"/moved")
		a.plants(out.path, a.precious)
		mustFail(a.t, a.tell("logs"), 1, plantedWords)
		kill(a.t, st.MainPID, unix.SIGUSR2)
		a.quietStop()
	})
}
