package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// What a command in the tests' room writes below /usr, /etc and /var is there for the next one in that room, and
// not on the machine.
func TestRoom(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := t.TempDir()
	script, err := filepath.Abs("room.sh")
	if err != nil {
		t.Fatal(err)
	}
	room := func(command string) {
		var out strings.Builder
		cmd := exec.Command("sh", script, "--", "sh", "-c", command)
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
		if err := errors.Join(startChild(cmd), waitChild(cmd)); err != nil {
			t.Errorf("%s: %v\n%s", command, err, out.String())
		}
	}
	files := []string{"/usr/lib/respawner-room", "/etc/respawner-room", "/var/lib/respawner-room"}
	for _, file := range files {
		room("echo kept >" + file)
	}
	for _, file := range files {
		room("grep -q kept " + file)
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("%s is on the machine: %v", file, err)
		}
		if _, err := os.Stat(filepath.Join(dir, "build/.room", file)); err != nil {
			t.Error(err)
		}
	}
	var both sync.WaitGroup // the second one waits for the first
	for range 2 {
		both.Go(func() { room("mkdir /var/lib/respawner-alone && rmdir /var/lib/respawner-alone") })
	}
	both.Wait()
}
