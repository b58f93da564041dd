//go:build linux

package test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pidsGroup is a control group that bounds how many processes and threads there
// can be in it.
type pidsGroup struct {
	t   *testing.T
	dir string
}

func newPidsGroup(t *testing.T, limit int) pidsGroup {
	t.Helper()
	needRoot(t)
	top := "/sys/fs/cgroup/pids" // version 1
	if !exists(top + "/cgroup.procs") {
		top = "/sys/fs/cgroup"
		if err := os.WriteFile(top+"/cgroup.subtree_control", []byte("+pids"), 0); err != nil {
			skip(t, "no control group for pids: "+err.Error())
		}
	}
	g := pidsGroup{t, fmt.Sprintf("%s/%s-%s", top, filepath.Base(root), filepath.Base(tempDir(t)))}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		skip(t, "no control group for pids: "+err.Error())
	}
	t.Cleanup(g.remove)
	g.limit(limit)
	return g
}

// remove ends what is left, so that it does not outlive a test that has failed.
func (g pidsGroup) remove() {
	for range 100 {
		g.limit(0)
		for _, pid := range g.pids() {
			_ = unix.Kill(pid, unix.SIGKILL) // it may be gone
			_, _ = awaitDeath(pid, patience)
		}
		reapOrphans()
		if err := os.Remove(g.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return
		}
	}
	g.t.Errorf("%s can't be removed: %v are in it", g.dir, g.pids())
}

func (g pidsGroup) limit(n int) {
	g.t.Helper()
	if err := os.WriteFile(g.dir+"/pids.max", fmt.Appendln(nil, n), 0); err != nil {
		g.t.Error(err)
	}
}

// current is how many processes and threads there are; refused is how often
// there could not be one more.
func (g pidsGroup) current() int { return number(strings.TrimSpace(g.read("pids.current"))) }
func (g pidsGroup) refused() int { return number(matches(`^max (\d+)$`, g.read("pids.events"))[0][1]) }

func (g pidsGroup) read(file string) string { return textFile{g.t, g.dir + "/" + file}.text() }

func (g pidsGroup) pids() (pids []int) {
	for _, word := range strings.Fields(g.read("cgroup.procs")) {
		pids = append(pids, number(word))
	}
	return pids
}

// command has a command run in the group.
func (g pidsGroup) command(cmd *exec.Cmd) *exec.Cmd {
	script := `echo $$ >"$0" && exec "$@"`
	inside := exec.Command("sh", append([]string{"-c", script, g.dir + "/cgroup.procs"}, cmd.Args...)...)
	inside.Env = cmd.Env
	inside.WaitDelay = cmd.WaitDelay
	return inside
}

// start is service.start in the group.
func (g pidsGroup) start(s *service, options ...string) status {
	g.t.Helper()
	if r := finish(g.t, g.command(s.command("start", options...))); r.code != 0 {
		g.t.Fatalf("start: %v", r)
	}
	return s.mustRun()
}
