//go:build linux

package test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// kinds is the kinds of web-1's events, but those that are not always recorded.
func kinds(text string) string {
	var out []string
	for line := range strings.Lines(text) {
		switch f := strings.Fields(line); {
		case f[1] != "web-1" || f[2] == "forked" || f[2] == "execed" || f[2] == "exited":
		default:
			out = append(out, f[2])
		}
	}
	return strings.Join(out, " ")
}

// events -f waits for services to come, outlives those that go, and tells each
// thing that is recorded of them once: those that a pattern means, no others.
func TestEventsWaitForServices(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	out := textFile{t, dir + "/events"}
	file, err := os.Create(out.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd := command(t, respawner, "events", "-f", "--runtime-dir", dir+"/run", "web*", "db")
	cmd.Stdout = file
	r := launch(t, cmd)

	services := map[string]*service{}
	for _, name := range []string{"web-1", "db", "other"} {
		s := newShape(t, "foreground")
		s.name, s.runtime = name, dir+"/run"
		services[name] = s
		s.start("-t", "0.1")
	}
	web := services["web-1"]
	out.waitFor(`  web-1  running `, 1)
	web.quietStop()
	out.waitFor(`  web-1  stopped `, 1)
	st := web.start("-t", "0.1")
	out.waitFor(`  web-1  running `, 2)
	kill(t, st.SupervisorPID, unix.SIGKILL)
	r.stderr.waitFor(`web-1: the supervisor has hung up`, 1)
	if r := web.tell("adopt"); r.code != 0 {
		t.Errorf("adopt: %v", r)
	}
	out.waitFor(`  web-1  adopted `, 1)
	for _, s := range services {
		s.quietStop()
	}
	out.waitFor(`  web-1  stopped `, 2)
	out.waitFor(`  db     stopped `, 1)
	r.signal(unix.SIGINT)
	r.code()

	told, recorded := kinds(out.text()), kinds(call(t, "events", "--runtime-dir", dir+"/run", "web-1").stdout)
	if told != recorded || !strings.HasPrefix(told, "started running stopping stopped started ") {
		t.Errorf("followed: %s\nrecorded: %s", told, recorded)
	}
	if out.count(`  other  `) > 0 {
		t.Errorf("it tells of others:\n%s", out.text())
	}
}

// A reader that leaves ends it, though nothing comes about.
func TestEventsEndWithTheirReader(t *testing.T) {
	t.Parallel()
	r := shell(t, "sh", "-c", `"$0" events -f --runtime-dir "$1" | true`, respawner, tempDir(t)+"/run")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("%v", r)
	}
}

// --only leaves out all other kinds, of what is recorded and of what comes.
func TestEventsOnly(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "0.1")
	r, out := s.follower("--only", "crashed,reset", "--only", "forked")
	st = s.crash(st.MainPID)
	out.waitFor(` crashed `, 1)
	r.signal(unix.SIGINT)
	r.code()
	if n := out.count(` (exited|backoff|started|running) `); n > 0 {
		t.Errorf("others are told as well:\n%s", out.text())
	}
	past := s.tell("events", "--only", "crashed")
	if past.code != 0 || strings.Count(past.stdout, "\n") != 1 || !strings.Contains(past.stdout, "  crashed ") {
		t.Errorf("--only crashed: %v", past)
	}
	mustFail(t, s.tell("events", "--only", "crash"), 2, `bad --only "crash"`, "crashed")
	mustFail(t, s.tell("events", "--only", "forked"), 2, "goes with -f")
	s.stop()
}
