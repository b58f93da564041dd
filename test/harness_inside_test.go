//go:build linux

package test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Some tests need a world of their own: a pid namespace where -1 is no process
// of others, a /dev of their own. They run once more inside, by this very binary.
const envInside = "RESPAWNER_TEST_INSIDE"

// insideOf reports whether this process is the one inside.
func insideOf(world string) bool { return os.Getenv(envInside) == world }

// unshare is the command line that makes new namespaces; an ordinary user may
// do so in a user namespace.
func unshare(flags ...string) []string {
	if os.Geteuid() != 0 {
		flags = append(flags, "--user", "--map-root-user")
	}
	return append([]string{"unshare"}, flags...)
}

// inside runs tests of this binary in another world, or skips where there is
// no such world to be had.
func inside(t *testing.T, world string, wrapper []string, tests string, env ...string) {
	t.Helper()
	if _, err := exec.LookPath(wrapper[0]); err != nil {
		skip(t, "no "+wrapper[0])
	}
	if out, err := exec.Command(wrapper[0], append(wrapper[1:], "true")...).CombinedOutput(); err != nil {
		skip(t, strings.Join(wrapper, " ")+": "+string(out))
	}
	self, err := selfCopy()
	if err != nil {
		t.Fatal(err)
	}
	cmd := command(t, wrapper[0], append(wrapper[1:], self, "-test.v", "-test.run=^("+tests+")$")...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Env = append(cmd.Env, envInside+"="+world, envRespawner+"="+respawner, envShape+"="+shape)
	r := finishWithin(t, cmd, 8*patience)
	if r.code != 0 || !strings.Contains(r.stdout, "--- PASS") {
		t.Errorf("in %s: %v", world, r)
	}
}

// selfCopy is this binary, where an ordinary user can reach it as well.
var selfCopy = sync.OnceValues(func() (string, error) {
	path := root + "/self"
	self, err := os.ReadFile("/proc/self/exe")
	return path, errors.Join(err, os.WriteFile(path, self, 0o755))
})
