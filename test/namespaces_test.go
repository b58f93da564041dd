//go:build linux

package test

import (
	"os"
	"testing"
)

// followsInside are the tests of other worlds: all shapes, or one of them.
func followsInside() string {
	if testing.Short() {
		return "TestFollowsInside|TestTrackingInside"
	}
	return "TestShapes|TestTrackingInside"
}

// In containers the kernel tells nothing of births; it works the same. A net
// namespace alone is as bad: the connector is in the first one.
func TestNamespaces(t *testing.T) {
	needShape(t)
	for name, wrapper := range map[string][]string{
		"pid":  unshare("--pid", "--fork", "--mount-proc"),
		"user": {"unshare", "-Ur"},
		"net":  unshare("--net"),
		"all":  unshare("--pid", "--fork", "--mount-proc", "--net", "--ipc", "--uts"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inside(t, name, wrapper, followsInside(), envSteps+"=scan,pidfile")
		})
	}
}

// As an ordinary user it works as well. (Run as an ordinary user, all tests
// say so; this one is for root.)
func TestOrdinaryUser(t *testing.T) {
	t.Parallel()
	needShape(t)
	needRoot(t)
	dir := tempDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	nobody := []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
	inside(t, "an ordinary user's", nobody, followsInside(), "TMPDIR="+dir)
}
