//go:build linux

package test

import (
	"os"
	"slices"
	"testing"
)

const envTracking = "RESPAWNER_TEST_TRACKING"

// The basic things, which work everywhere.
func TestBasics(t *testing.T) {
	for shape, option := range map[string]string{
		"foreground":    "--no-follow-forks",
		"single-fork":   "-n=0",
		"double-fork":   "--follow-forks",
		"late-middle":   "--follow-forks",
		"helper-before": "--follow-forks",
	} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, shape)
			st := mustBeMain(s, s.start("-t", "0.2", option), 1)
			if want := os.Getenv(envTracking); want != "" && st.Tracking != want {
				t.Errorf("tracking is %q here, not %q", st.Tracking, want)
			}
			s.quiet()
			mustBeMain(s, s.crash(st.MainPID), 2)
			s.stop()
			s.mustNotRun("stopped")
			s.starts(2)
		})
	}
}

// In containers the kernel tells nothing of births; it works the same.
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
			inside(t, name, wrapper, "TestBasics", envTracking+"=scan")
		})
	}
}

// Outside of them, root is told of each birth.
func TestTrackingOfRoot(t *testing.T) {
	t.Parallel()
	needRoot(t)
	initial := []string{"pid:[4026531836]", "user:[4026531837]"}
	for _, ns := range []string{"pid", "user"} {
		link, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil || !slices.Contains(initial, link) {
			skip(t, "in a container: "+link)
		}
	}
	s := newShape(t, "foreground")
	if st := s.start(); st.Tracking != "events" {
		t.Errorf("tracking is %q", st.Tracking)
	}
	s.stop()
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
	inside(t, "an ordinary user's", nobody, "TestBasics", "TMPDIR="+dir)
}
