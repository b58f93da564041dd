//go:build linux

package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A hundred upgrades in place under traffic: no request fails, nothing is
// restarted, and the supervisor still does its work.
func TestUpgradeUnderTraffic(t *testing.T) {
	t.Parallel()
	s, port := newLighttpd(t)
	first := s.start("--follow-forks", "-t", "0.2")
	var asked, failed atomic.Int32
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				asked.Add(1)
				if body, err := get(port); err != nil || body != page {
					failed.Add(1)
				}
			}
		})
	}
	for range 100 {
		s.upgrade()
	}
	close(done)
	all.Wait()
	if asked.Load() < 100 || failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), asked.Load())
	}
	now := s.mustRun()
	if now.MainPID != first.MainPID || now.SupervisorPID != first.SupervisorPID || now.Restarts != 0 {
		t.Errorf("first %+v\nnow %+v", first, now)
	}
	s.crash(now.MainPID)
	mustGet(t, port, page)
	s.stop()
}

func (s *service) upgrade() {
	s.t.Helper()
	if r := s.tell("upgrade"); r.code != 0 {
		s.t.Fatalf("upgrade: %v", r)
	}
}

// What was installed over the running binary is what goes on; what can't take
// over is refused, and the old one goes on.
func TestUpgradeToAnotherBinary(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork")
	install := func(from string) { // as a package manager does
		rename(t, from, s.binary)
	}
	s.binary = s.dir + "/respawner"
	copyFile(t, respawner, s.binary)
	first := s.start("--follow-forks")

	newer := s.dir + "/newer"
	if r := shell(t, "go", "build", "-ldflags", "-X main.version=9.9.9", "-o", newer, "respawner/cmd/respawner"); r.code != 0 {
		t.Fatalf("build: %v", r)
	}
	install(newer)
	s.upgrade()
	now := s.mustRun()
	if now.Version != "9.9.9" || now.MainPID != first.MainPID || now.SupervisorPID != first.SupervisorPID {
		t.Errorf("first %+v\nnow %+v", first, now)
	}

	for name, bad := range map[string]string{
		"garbage":      "\x7fELF no",
		"fails":        "#!/bin/sh\necho it does not know >&2\nexit 3\n",
		"is another":   "#!/bin/sh\nexit 0\n",
		"never starts": "#!/nonexistent\n",
	} {
		good := s.dir + "/good"
		rename(t, s.binary, good)
		writeFile(t, s.binary, bad, 0o755)
		s.binary = good
		r := s.tell("upgrade")
		if r.code != 1 || !strings.Contains(r.stderr, "can't take over") || !strings.Contains(r.stderr, "goes on") {
			t.Errorf("%s: %v", name, r)
		}
		if still := s.mustRun(); still.Version != "9.9.9" || still.SupervisorPID != now.SupervisorPID {
			t.Errorf("%s: %+v", name, still)
		}
		s.binary = s.dir + "/respawner"
		install(good)
	}
	mustBeMain(s, s.crash(now.MainPID), 2)
	s.stop()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, string(content), 0o755)
}

// A death in the middle of an upgrade is not missed, nor how it came.
func TestUpgradeDuringACrash(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-after")
	st := s.start("--follow-forks", "-t", "0")
	for run := range 20 {
		upgrade := launch(t, s.command("upgrade"))
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond) // any moment will do
		kill(t, st.MainPID, unix.SIGKILL)
		if code := upgrade.code(); code != 0 {
			t.Fatalf("upgrade: exit code %d", code)
		}
		dead := st.MainPID
		eventually(t, "it runs anew", func() bool {
			st = s.status()
			return st.State == "running" && st.Restarts == run+1
		})
		if n := s.log.count(fmt.Sprintf(`: proc %d killed by signo 9$`, dead)); n != 1 {
			t.Fatalf("that pid %d was killed is told %d times", dead, n)
		}
	}
	s.stop()
}

// What is under way goes on: the wait for a restart, a client that follows.
func TestUpgradeKeepsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "300")
	follower := s.follow()
	kill(t, st.MainPID, unix.SIGKILL)
	before := s.waitState("backoff")
	s.upgrade()
	now := s.status()
	if now.State != "backoff" || !now.NextStart.Equal(*before.NextStart) || *now.LastExit != *before.LastExit {
		t.Errorf("before %+v\nnow %+v", before, now)
	}
	for _, what := range []string{"exited", "crashed", "backoff", "upgraded"} {
		if got := follower(); got != what {
			t.Errorf("heard of %q, not %q", got, what)
		}
	}
	s.stop()
	for _, what := range []string{"stopping", "stopped"} {
		if got := follower(); got != what {
			t.Errorf("heard of %q, not %q", got, what)
		}
	}
}

// Events are numbered on, those too that only followers are told of.
func TestUpgradeKeepsCounting(t *testing.T) {
	t.Parallel()
	s := newService(t, "/bin/sh", "-c", "while :; do sleep 0.01; done")
	s.name = "busy"
	s.start()
	follower := s.follow()
	for range 3 {
		for range 20 {
			follower()
		}
		s.upgrade()
		for got := follower(); got != "upgraded"; got = follower() {
			if strings.HasPrefix(got, "the end") {
				t.Fatal(got)
			}
		}
	}
	s.stop()
}

// A variable of ours that another program has set does no harm.
func TestUpgradeInAStrangeEnvironment(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	start := s.command("start")
	start.Env = append(os.Environ(), "RESPAWNER_UPGRADE=junk", "GOMAXPROCS=2")
	if code := launch(t, start).code(); code != 0 {
		t.Fatalf("start: %d", code)
	}
	st := s.mustRun()
	s.upgrade()
	if now := s.mustRun(); now.SupervisorPID != st.SupervisorPID || now.MainPID != st.MainPID {
		t.Errorf("first %+v\nnow %+v", st, now)
	}
	s.stop()
}

// follow returns what tells of the next event.
func (s *service) follow() func() string {
	conn, err := net.Dial("unix", s.runtime+"/"+s.name+".sock")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	lines := bufio.NewScanner(conn)
	last := 0
	next := func() string {
		var reply struct {
			Event struct {
				What string
				Seq  int
			}
		}
		if !lines.Scan() {
			return fmt.Sprintf("the end (%v)", lines.Err())
		}
		if err := json.Unmarshal(lines.Bytes(), &reply); err != nil {
			s.t.Error(err)
		}
		if ev := reply.Event; ev.What != "" {
			if ev.Seq <= last {
				s.t.Errorf("%s is event %d, the one before it was %d", ev.What, ev.Seq, last)
			}
			last = ev.Seq
		}
		return reply.Event.What
	}
	fmt.Fprintln(conn, `{"v":1,"op":"events"}`)
	if first := next(); first != "" {
		s.t.Fatalf("before any event: %q", first)
	}
	return next
}

// Not a line of what the program writes is lost, or doubled, or cut.
func TestUpgradeKeepsOutput(t *testing.T) {
	t.Parallel()
	s := newService(t, "/bin/sh", "-c", `i=0; while [ ! -e "$0" ]; do echo "line $i"; i=$((i+1)); done; echo "$i lines"; exec sleep 300`, tempDir(t)+"/enough")
	s.name = "writer"
	s.start("--output-size", "0")
	for range 20 {
		s.upgrade()
	}
	writeFile(t, s.args[2], "", 0o600)
	out := textFile{t, s.runtime + "/log/writer.log"}
	want := number(out.waitFor(`^\S+ (\d+) lines$`, 1)[1])
	s.stop()
	n := 0
	for line := range strings.Lines(out.text()) {
		if n < want && !strings.HasSuffix(line, fmt.Sprintf(" line %d\n", n)) {
			t.Fatalf("line %d of %d is %q", n, want, line)
		}
		n++
	}
	if n != want+1 || want == 0 {
		t.Errorf("%d lines of %d", n, want+1)
	}
}
