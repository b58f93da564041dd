//go:build linux

package test

import (
	"fmt"
	"strings"
	"testing"
)

// top in a real terminal: services are shown, restarted and stopped, and the
// terminal is left as it was found.
func TestTop(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo "this is $$"; exec sleep 300`)
	s.name = "aa"
	other := s.beside("bb")
	first, second := s.start(), other.start("--output", "none")
	w := newTerminal(t, 80, 24, respawner+" top --runtime-dir "+s.runtime)
	w.shows(fmt.Sprintf(`^> aa +running +%d `, first.MainPID))
	w.shows(fmt.Sprintf(`^  bb +running +%d .* \d+\.\d +\d\S*[KM] .*running`, second.MainPID)) // with what it uses

	w.press("r")
	var anew status
	eventually(t, "aa to be restarted", func() bool {
		anew = s.status()
		return anew.State == "running" && anew.MainPID != first.MainPID
	})
	w.shows(fmt.Sprintf(`^> aa +running +%d `, anew.MainPID))
	w.shows(fmt.Sprintf(`^aa was restarted, main pid %d`, anew.MainPID))

	w.press("Enter")
	w.shows(fmt.Sprintf(`^ *%d  main `, anew.MainPID))
	w.press("Escape")
	w.shows(`^> aa `)

	w.press("l")
	w.shows(fmt.Sprintf(`^\S+Z this is %d$`, anew.MainPID))
	if r := s.tell("restart"); r.code != 0 {
		t.Fatalf("restart: %v", r)
	}
	w.shows(fmt.Sprintf(`^\S+Z this is %d$`, s.status().MainPID)) // what was written meanwhile
	w.press("l")
	w.shows(`^> aa `)
	w.press("Down", "l")
	w.shows(`^nothing is kept of what bb writes`)

	w.press("s")
	w.shows(`^end bb and all its processes\? y/n`)
	w.press("n")
	w.shows(`^bb goes on`)
	other.mustRun()
	w.press("s", "y")
	w.shows(`^> bb +stopped +- `)
	w.shows(`^bb was stopped`)
	other.mustNotRun("stopped")
	w.press("r")
	w.shows(`^bb is running, main pid \d+, started as before`)
	w.press("s", "y")
	w.shows(`^bb was stopped`)

	w.resize(30, 6)
	w.shows(`^> bb +stopped`)
	w.resize(1, 1)
	w.shows(`^>`)
	w.resize(100, 20)
	w.shows(`^  NAME +STATE +MAIN .*LAST EVENT`)

	w.press("q")
	if code := w.ended(); code != 0 {
		t.Errorf("top ended with %d", code)
	}
	if left := w.screen(); strings.Contains(left, "EVENT") || w.ask("#{alternate_on} #{cursor_flag} #{wrap_flag}") != "0 1 1" {
		t.Errorf("the terminal was not left as it was found:\n%s", left)
	}
	s.stop()
}

// What comes about is seen: a crash, and a service that is started meanwhile.
func TestTopSeesEvents(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "aa"
	w := newTerminal(t, 80, 24, "NO_COLOR=1 "+respawner+" top --runtime-dir "+s.runtime)
	w.shows(`no services yet`)
	st := s.start("-t", "0.1")
	w.shows(fmt.Sprintf(`^> aa +running +%d `, st.MainPID))
	now := s.crash(st.MainPID)
	w.shows(fmt.Sprintf(`^> aa +running +%d +\S+ +1 `, now.MainPID))
	if text := w.painted(); strings.Contains(text, "\x1b[32m") {
		t.Errorf("NO_COLOR, but: %q", text)
	}
	s.stop()
	w.shows(`^> aa +stopped`)
	w.press("C-c")
	if code := w.ended(); code != 130 {
		t.Errorf("top ended with %d", code)
	}
}

// Without a terminal there is nothing to draw on.
func TestTopNeedsTerminal(t *testing.T) {
	t.Parallel()
	mustFail(t, call(t, "top", "--runtime-dir", tempDir(t)), 2, "terminal", "list")
}
