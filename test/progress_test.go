//go:build linux

package test

import (
	"os/exec"
	"strings"
	"testing"
)

// On a terminal a stop that takes its time shows what it waits for, and the
// line is gone at the end; elsewhere there is none of it.
func TestStopShowsItsProgress(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("script"); err != nil {
		skip(t, "no script(1)")
	}
	s := newShape(t, "escapees")
	s.start("--stop-timeout", "5")
	words := append([]string{respawner}, s.words("stop")...)
	r := shell(t, "script", "-qec", strings.Join(words, " "), "/dev/null")
	for _, want := range []string{`stopping shape: \d+ process(es)? left \(\ds\), KILL in [0-4]s`, `\r\x1b\[K[^\x1b]*shape was stopped\r\n$`} {
		if len(matches(want, r.stdout)) == 0 {
			t.Errorf("no %s: exit code %d, %q", want, r.code, r.stdout)
		}
	}
	s.mustNotRun("stopped")
	s.start("--stop-timeout", "1.5")
	mustSay(t, s.tell("stop"), "shape was stopped")
}
