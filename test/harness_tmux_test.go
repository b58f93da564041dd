//go:build linux

package test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// terminal is a terminal of a test's own: a tmux server with one window.
type terminal struct {
	t      *testing.T
	socket string
}

// newTerminal runs a shell script in a terminal, which stays when it has
// ended, and then tells its exit status. (tmux has remain-on-exit for that, but
// now and then it misses an end.) The terminal goes before the services that
// were made before it.
func newTerminal(t *testing.T, width, height int, script string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		skip(t, "no tmux")
	}
	w := &terminal{t, tempDir(t) + "/tmux"}
	w.tmux("new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height),
		`modes=$(stty -g); `+script+`; echo "code=$?"; [ "$(stty -g)" = "$modes" ] && echo restored; read x`)
	server := number(w.ask("#{pid}"))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the terminal:\n%s", w.screen())
		}
		w.tmux("kill-server")
		if dead, err := awaitDeath(server, 10*time.Second); err != nil || !dead {
			t.Errorf("tmux lives on: %v", err)
		}
	})
	return w
}

// tmux runs a command of tmux, without a user's settings. It has no mark: it
// is none of the processes that a service may not leave.
func (w *terminal) tmux(words ...string) string {
	w.t.Helper()
	cmd := command(w.t, "tmux", append([]string{"-u", "-S", w.socket, "-f", "/dev/null"}, words...)...)
	cmd.Env = slices.DeleteFunc(cmd.Env, func(v string) bool {
		return strings.HasPrefix(v, "TMUX") || strings.HasPrefix(v, "NO_COLOR=") || v == mark(w.t)
	})
	r := finish(w.t, cmd)
	if r.code != 0 {
		w.t.Fatalf("tmux %q: %v", words, r)
	}
	return r.stdout
}

// ask returns what tmux knows of its window (FORMATS of tmux(1)).
func (w *terminal) ask(format string) string {
	w.t.Helper()
	return strings.TrimSpace(w.tmux("display-message", "-p", format))
}

// screen is what the terminal shows.
func (w *terminal) screen() string { return w.tmux("capture-pane", "-p") }

// painted is what the terminal shows, with its colours.
func (w *terminal) painted() string { return w.tmux("capture-pane", "-p", "-e") }

// press presses keys, named as tmux names them.
func (w *terminal) press(keys ...string) { w.tmux(append([]string{"send-keys"}, keys...)...) }

func (w *terminal) resize(width, height int) {
	w.tmux("resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// shows waits until the terminal shows something that matches.
func (w *terminal) shows(pattern string) {
	w.t.Helper()
	eventually(w.t, "the terminal to show "+pattern, func() bool { return len(matches(pattern, w.screen())) > 0 })
}

// ended waits for the script's end, with the terminal in the modes in which it
// was before, and returns its exit status.
func (w *terminal) ended() int {
	w.t.Helper()
	const end = `^code=(\d+)\nrestored$`
	w.shows(end)
	return number(matches(end, w.screen())[0][1])
}
