//go:build linux

package test

import (
	"testing"
)

// A shell that execs respawner leaves it its jobs: they, and what they leave,
// are of no service. They are neither followed nor killed.
func TestStrangersAreLeftAlone(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		s := newShape(t, "foreground", "exit=0")
		pids := textFile{t, s.dir + "/stranger"}
		script := `setsid sh -c 'sleep 300 & echo $! >"$0"' "$0" & wait; sleep 0.2 & exec "$@"`
		words := append([]string{"-c", script, pids.path, respawner}, s.words("start", "-D", "--tracking", step)...)
		r := launch(t, command(t, "sh", words...))
		stranger := number(pids.waitFor(`^(\d+)$`, 1)[1])
		main := s.truth("main", 1)
		st := s.waitState("running")
		if st.MainPID != main || len(st.PIDs) != 1 {
			t.Errorf("main is %d, but %+v", main, st)
		}
		kill(t, main, 15)
		if code := r.code(); code != 0 || !alive(stranger) {
			t.Errorf("exit code %d, the stranger lives: %v", code, alive(stranger))
		}
		s.starts(1)
		kill(t, stranger, 9)
	})
}
