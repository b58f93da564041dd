//go:build linux

package test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// ladder are the ways to know of births, the best first.
var ladder = []string{"kernel-set", "socket-filter", "events", "scan", "pidfile"}

// envSteps lists the steps that work in the world that a test has made.
const envSteps = "RESPAWNER_TEST_STEPS"

// steps are the steps of the ladder that must work here: all for root, all
// but the first for others (since Linux 6.6), and in a container those without
// the connector.
func steps(t *testing.T) []string {
	t.Helper()
	if list := os.Getenv(envSteps); list != "" {
		return strings.Split(list, ",")
	}
	switch {
	case contained(t):
		return ladder[3:]
	case os.Geteuid() == 0:
		return ladder
	case slices.Compare(release(t), []int{6, 6}) >= 0:
		return ladder[1:]
	}
	return ladder[3:]
}

// followingSteps are those that follow forks: all but the pidfile.
func followingSteps(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(steps(t)), func(step string) bool { return step == "pidfile" })
}

// eachStep runs a test on each of them.
func eachStep(t *testing.T, test func(t *testing.T, step string)) {
	for _, step := range followingSteps(t) {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			test(t, step)
		})
	}
}

// contained reports whether this is not the first pid and user namespace.
func contained(t *testing.T) bool {
	t.Helper()
	for ns, first := range map[string]string{"pid": "pid:[4026531836]", "user": "user:[4026531837]"} {
		link, err := os.Readlink("/proc/self/ns/" + ns)
		if err != nil {
			t.Fatal(err)
		}
		if link != first {
			return true
		}
	}
	return false
}

// release is the kernel's: 5, 10.
func release(t *testing.T) []int {
	t.Helper()
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	v := make([]int, 2)
	if _, err := fmt.Sscanf(unix.ByteSliceToString(uts.Release[:]), "%d.%d", &v[0], &v[1]); err != nil {
		t.Fatal(err)
	}
	return v
}

// track has a service insist on a step of the ladder.
func (s *service) track(step string) {
	s.t.Helper()
	if !slices.Contains(ladder, step) {
		s.t.Fatalf("no such step: %q", step)
	}
	s.options = append(s.options, "--tracking", step)
	if step == "pidfile" {
		s.options = append(s.options, "--pidfile="+s.dir+"/pidfile")
		s.args = append(s.args, "pidfile="+s.dir+"/pidfile")
	}
}
