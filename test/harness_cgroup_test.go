//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// controlGroup is a control group of a test's own.
type controlGroup struct {
	t   *testing.T
	dir string
}

// newControlGroup makes one below that of version 1 with a controller, or, where
// there is none, below that of version 2. It goes when the services have gone
// that are made after it.
func newControlGroup(t *testing.T, controller string) controlGroup {
	t.Helper()
	if top := cgroupMount(t, "cgroup", controller); top != "" {
		return makeControlGroup(t, top)
	}
	g := newControlGroup2(t)
	enable := exec.Command("sh", "-c", `echo "+$1" >"$0/cgroup.subtree_control"`, filepath.Dir(g.dir), controller)
	if out, err := enable.CombinedOutput(); err != nil {
		skip(t, "no control group for "+controller+": "+string(out))
	}
	return g
}

// newControlGroup2 makes one of version 2.
func newControlGroup2(t *testing.T) controlGroup {
	t.Helper()
	top := cgroupMount(t, "cgroup2", "")
	if top == "" {
		skip(t, "no control groups of version 2")
	}
	return makeControlGroup(t, top)
}

func makeControlGroup(t *testing.T, top string) controlGroup {
	t.Helper()
	needRoot(t)
	dir, err := os.MkdirTemp(top, "rsp")
	if err != nil {
		skip(t, err.Error())
	}
	t.Cleanup(func() {
		eventually(t, "the control group is empty", func() bool { return unix.Rmdir(dir) != unix.EBUSY })
	})
	return controlGroup{t, dir}
}

// cgroupMount is where control groups of a kind are mounted, "" if nowhere.
func cgroupMount(t *testing.T, kind, controller string) string {
	t.Helper()
	for line := range strings.Lines((textFile{t, "/proc/self/mounts"}).text()) {
		f := strings.Fields(line)
		if f[2] == kind && (controller == "" || strings.Contains(","+f[3]+",", ","+controller+",")) {
			return f[1]
		}
	}
	return ""
}

// set writes into the first of these files that there is: versions differ.
func (g controlGroup) set(value string, names ...string) {
	g.t.Helper()
	for _, name := range names {
		if exists(g.dir + "/" + name) {
			if err := os.WriteFile(g.dir+"/"+name, []byte(value), 0); err != nil {
				g.t.Fatal(err)
			}
			return
		}
	}
	g.t.Fatalf("%s has none of %v", g.dir, names)
}

// add moves a process into the group.
func (g controlGroup) add(pid int) {
	g.t.Helper()
	g.set(strconv.Itoa(pid), "cgroup.procs")
}

// inside is a command line in the group.
func (g controlGroup) inside(words ...string) []string {
	return append([]string{"-c", `echo $$ >"$0" && exec "$@"`, g.dir + "/cgroup.procs"}, words...)
}

// freeze stops all that is in the group, and returns when it stands; thaw, which
// comes at the end of the test at the latest, has it go on.
func (g controlGroup) freeze() {
	g.t.Helper()
	g.t.Cleanup(g.thaw)
	if exists(g.dir + "/freezer.state") {
		g.set("FROZEN", "freezer.state")
		g.awaitLine("freezer.state", "FROZEN")
		return
	}
	g.set("1", "cgroup.freeze")
	g.awaitLine("cgroup.events", "frozen 1")
}

func (g controlGroup) thaw() {
	if exists(g.dir + "/freezer.state") {
		g.set("THAWED", "freezer.state")
		return
	}
	g.set("0", "cgroup.freeze")
}

// awaitLine waits until a file of the kernel's, which tells of no change by
// inotify, has a line.
func (g controlGroup) awaitLine(name, line string) {
	g.t.Helper()
	eventually(g.t, fmt.Sprintf("%q in %s", line, name), func() bool {
		return strings.Contains("\n"+(textFile{g.t, g.dir + "/" + name}).text(), "\n"+line+"\n")
	})
}

// within asserts that something took no longer than that.
func within(t *testing.T, limit time.Duration, do func()) {
	t.Helper()
	begun := time.Now()
	do()
	if took := time.Since(begun); took > limit {
		t.Errorf("it took %v, more than %v", took, limit)
	}
}
