//go:build linux

package test

import (
	"os/exec"
	"testing"
)

// A wrapper that keeps TERM for itself does not cost its program the time to end:
// that is asked when half of the stop timeout is over, and it is asked once.
func TestStopReachesBehindAWrapper(t *testing.T) {
	for name, wrapper := range map[string][]string{
		"none":       {},
		"a trap":     {"sh", "-c", `trap 'echo bye >&2' TERM; "$@"; true`, "sh"},
		"deaf shell": {"bash", "-c", `trap '' TERM; "$@"; true`, "bash"},
		"two traps":  {"sh", "-c", `trap : TERM; sh -c 'trap : TERM; "$@"; true' sh "$@"; true`, "sh"},
		"strace":     {"strace", "-f", "-o", "/dev/null"},
		"unshare":    {"unshare", "--fork", "--pid", "--mount-proc"},
		"kill-child": {"unshare", "--fork", "--pid", "--mount-proc", "--kill-child"},
		"tini":       {"tini", "-s", "--"},
		"timeout":    {"timeout", "1h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopBehind(t, name, wrapper)
		})
	}
}

func stopBehind(t *testing.T, name string, wrapper []string) {
	t.Helper()
	if name == "unshare" || name == "kill-child" {
		needRoot(t)
	}
	s := newShape(t, "saves")
	if len(wrapper) > 0 {
		path, err := exec.LookPath(wrapper[0])
		if err != nil {
			skip(t, "no "+wrapper[0])
		}
		s.args = append(append(wrapper[1:len(wrapper):len(wrapper)], shape), s.args...)
		s.name, s.program = "wrapped", path
	}
	s.start("--stop-timeout", "4")
	s.journal.waitFor(`^main \d+$`, 1)
	s.stop()
	for what, want := range map[string]int{"asked": 1, "saved": 1} {
		if got := s.journal.count("^" + what + ` \d+$`); got != want {
			t.Errorf("the program has %s %d times, not %d", what, got, want)
		}
	}
	if n := s.log.count(`killing|killed by signo 9`); n != 0 {
		t.Errorf("something was killed:\n%s", s.log.text())
	}
}
