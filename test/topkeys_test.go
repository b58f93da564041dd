//go:build linux

package test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// top finds and sorts services, says where in them one is, tells what its keys do, adopts what
// has lost its supervisor, and starts what has ended with it.
func TestTopKeys(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "aa"
	other := s.beside("bb")
	s.start()
	st := other.start()
	w := newTerminal(t, 100, 24, respawner+" top --runtime-dir "+s.runtime)
	w.shows(`^> aa +running .*\n  bb +running `)
	w.shows(` 1/2$`)
	w.press("Down")
	w.shows(` 2/2$`)

	w.press("?")
	w.shows(`^a +adopt it`)
	w.shows(` 1-\d+/\d+$`)
	w.press("?")
	w.shows(`^> bb `)

	w.press("/", "A", "Enter")
	w.shows(`^> aa .*\n *$`)
	w.shows(` /A 1/1$`)
	w.press("Escape")
	w.shows(`^> aa .*\n  bb `)
	w.press("N")
	w.shows(` by name 1/2$`)
	w.press("N", "End")
	w.shows(`[^e] +2/2$`)

	kill(t, st.SupervisorPID, unix.SIGKILL)
	w.shows(`^> bb +orphaned `)
	w.press("a")
	w.shows(fmt.Sprintf(`^> bb +running +%d `, st.MainPID))
	now := other.mustRun()
	if now.MainPID != st.MainPID || now.SupervisorPID == st.SupervisorPID {
		t.Errorf("adopted: %+v, was %+v", now, st)
	}

	kill(t, now.SupervisorPID, unix.SIGKILL)
	kill(t, now.MainPID, unix.SIGKILL)
	w.shows(`^> bb +failed `)
	w.press("S")
	w.shows(`^> bb +running `)
	again := other.mustRun()
	if again.MainPID == now.MainPID {
		t.Errorf("started again: %+v", again)
	}

	other.quietStop()
	w.shows(`^> bb +stopped `)
	w.press("S")
	w.shows(`^> bb +running `)
	if last := other.mustRun(); last.MainPID == again.MainPID {
		t.Errorf("started after a stop: %+v", last)
	}
	w.press("q")
	if code := w.ended(); code != 0 {
		t.Errorf("top ended with %d", code)
	}
	s.quietStop()
	other.quietStop()
}
