//go:build linux

package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Where there is no syslog, as in a container, messages go to a file beside the
// program's output; start says so, once. When a syslog comes they go there.
func TestNoSyslog(t *testing.T) {
	needShape(t)
	const world = "a /dev without a syslog"
	if !insideOf(world) {
		t.Parallel()
		inside(t, world, append(unshare("--mount"), "sh", "-c", ownDev, tempDir(t)), t.Name())
		return
	}
	s := newShape(t, "foreground")
	messages := textFile{t, s.runtime + "/log/shape.messages"}
	start := append([]string{"start", "-t", "0.1", "--runtime-dir", s.runtime, s.program, "--"}, s.args...)
	r := call(t, start...)
	if want := "respawner: warning: no syslog here: messages go to " + messages.path + "\n"; r.code != 0 || r.stderr != want {
		t.Errorf("start should say where messages go: %v", r)
	}
	st := s.mustRun()
	messages.waitFor(`^`+stamp+`respawner\[\d+\]: shape started, pid \d+$`, 1)
	if r := call(t, start...); r.code != 0 || r.stderr != "" {
		t.Errorf("what runs already is told of it again: %v", r)
	}
	kill(t, st.MainPID, unix.SIGKILL)
	messages.waitFor(`respawner\[\d+\]: shape restarted\(1/0\), pid \d+$`, 1)
	if info, err := os.Stat(messages.path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}

	if _, err := exec.LookPath("busybox"); err == nil {
		syslog := textFile{t, s.dir + "/syslog"}
		daemon := launch(t, command(t, "busybox", "syslogd", "-n", "-O", syslog.path))
		if !awaitChange(t, "/dev", patience, func() bool { return exists("/dev/log") }) {
			t.Fatal("the syslog daemon does not come up")
		}
		kill(t, s.waitState("running").MainPID, unix.SIGKILL)
		syslog.waitFor(`respawner\[\d+\]: shape restarted\(2/0\), pid \d+$`, 1)
		if n := messages.count(`restarted\(2/0\)`); n != 0 {
			t.Errorf("it is in both:\n%s", messages.text())
		}
		daemon.signal(unix.SIGTERM)
		daemon.code()
	}
	s.quietStop()
}

// The file is beside the output that the user has chosen. Where that can't be
// written, start says that messages are lost.
func TestNoSyslogBesideTheOutput(t *testing.T) {
	needShape(t)
	const world = "another /dev without a syslog"
	if !insideOf(world) {
		t.Parallel()
		inside(t, world, append(unshare("--mount"), "sh", "-c", ownDev, tempDir(t)), t.Name())
		return
	}
	s := newShape(t, "foreground")
	start := func(options ...string) result {
		words := append([]string{"start", "--runtime-dir", s.runtime}, options...)
		return call(t, append(append(words, s.program, "--"), s.args...)...)
	}
	r := start("--output", s.dir+"/out", "--log", "syslog")
	if !strings.Contains(r.stderr, "messages go to "+s.dir+"/shape.messages\n") {
		t.Errorf("start: %v", r)
	}
	s.quietStop()
	textFile{t, s.dir + "/shape.messages"}.waitFor(`: stopped$`, 1)

	writeFile(t, s.runtime+"/log", "in the way", 0o600)
	if r := start("--output", "none"); r.code != 0 || !strings.Contains(r.stderr, "messages are lost (choose a place with --log)") {
		t.Errorf("start: %v", r)
	}
	s.quietStop()
}
