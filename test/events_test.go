//go:build linux

package test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// follower is a respawner events -f that is known to listen.
func (s *service) follower(options ...string) (*running, textFile) {
	s.t.Helper()
	out := textFile{s.t, s.dir + "/events"}
	file, err := os.Create(out.path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer file.Close()
	cmd := s.command("events", append(options, "-f")...)
	cmd.Stdout = file
	r := launch(s.t, cmd)
	eventually(s.t, "events are followed", func() bool {
		s.tell("reset")
		return out.count("reset") > 0
	})
	return r, out
}

// A client that follows sees a crash and the restart in their order, and the end.
func TestEventsFollowed(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "0.1")
	r, out := s.follower()
	if strings.Contains(out.text(), "running") {
		t.Errorf("it tells of the past:\n%s", out.text())
	}
	now := s.crash(st.MainPID)
	s.quietStop()
	out.waitFor(` stopped `, 1)
	r.signal(unix.SIGINT)
	if code := r.code(); code != 130 {
		t.Errorf("after an interrupt the exit code is %d", code)
	}
	out.inOrder(
		`(?m)^`+stamp+` shape  exited      pid `+strconv.Itoa(st.MainPID)+` \(main\) killed by signal 9 \(SIGKILL\)$`,
		`crashed     shape: pid \d+`, `backoff `, `started     pid `, `running     main pid `+strconv.Itoa(now.MainPID),
		`stopping `, `exited `, `stopped `,
	)
}

// As JSON each event is one object on a line, with the service's name.
func TestEventsJSON(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "0.1")
	r, out := s.follower("--json")
	s.crash(st.MainPID)
	r.signal(2)
	if code := r.code(); code != 130 {
		t.Errorf("events -f that was ended by INT: exit code %d", code)
	}
	var whats []string
	last := int64(0)
	for line := range strings.Lines(out.text()) {
		var ev struct {
			Name string `json:"name"`
			Seq  int64  `json:"seq"`
			What string `json:"what"`
			Exit *exit  `json:"exit"`
		}
		if err := json.Unmarshal([]byte(line), &ev); err != nil || ev.Name != "shape" || ev.Seq <= last {
			t.Errorf("%q: %v", line, err)
		}
		if last = ev.Seq; ev.What == "exited" && ev.Exit.Signal == 9 {
			whats = append(whats, "killed")
		}
		whats = append(whats, ev.What)
	}
	if got := strings.Join(whats, " "); !strings.Contains(got, "killed exited crashed backoff started") {
		t.Errorf("events: %s", got)
	}
	s.stop()
}

// Without -f it is what was written down, of all services, even when they
// have no supervisor any more.
func TestEventsRecorded(t *testing.T) {
	t.Parallel()
	a, b := newShape(t, "foreground"), newShape(t, "foreground")
	a.name, b.name, b.runtime = "a", "b", a.runtime
	a.start()
	b.start()
	b.quietStop()
	a.stop()
	r := call(t, "events", "--runtime-dir", a.runtime)
	out := textFile{t, writeFile(t, a.dir+"/events", r.stdout, 0o600)}
	out.inOrder(`a  started `, `a  running `, `b  started `, `b  stopped `, `a  stopped `)
	if r.code != 0 {
		t.Errorf("events: %v", r)
	}
	mustFail(t, call(t, "events", "other", "--runtime-dir", a.runtime), 1, "other: nothing is recorded")
}
