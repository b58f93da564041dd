//go:build linux

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// A name that was never started here is unknown: each command says so, and which names are like it.
func TestUnknownNames(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "webserver"
	other := s.beside("worker")
	s.start()
	other.start()
	other.quietStop()
	for _, words := range [][]string{{"stop"}, {"restart"}, {"reload"}, {"signal", "USR1"}, {"reset"}, {"reopen"}, {"adopt"}, {"upgrade"},
		{"forget"}, {"tree"}, {"wait", "--for", "stopped"}} {
		say := func(name string) result {
			return call(t, append(append(words[:len(words):len(words)], "--runtime-dir", s.runtime), name)...)
		}
		mustFail(t, say("websevrer"), 1, "no service websevrer here: there is webserver\n")
		mustFail(t, say("w"), 1, "no service w here: respawner list shows")
		mustFail(t, say("work"), 1, "no service work here: there is worker\n")
		if t.Failed() {
			t.Fatalf("%q", words)
		}
	}
	s.stop()
	// what is known, and has ended, is no stranger
	if r := other.tell("stop"); r.code != 0 || r.stdout != "worker is not running\n" {
		t.Errorf("stop: %v", r)
	}
	mustFail(t, other.tell("reload"), 1, "worker is not running: respawner start worker starts it as before")
}

// Status keeps the first line and the exit code of what does not run, and says in the second that there
// is none; so it is where nothing was ever started.
func TestStatusOfUnknownNames(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	ask := func(options ...string) result {
		return call(t, append([]string{"status", "--runtime-dir", s.runtime, "shap"}, options...)...)
	}
	for _, like := range []string{"respawner list shows what there is", "there is shape"} {
		if r := ask(); r.code != 3 || r.stderr != "" || r.stdout != "\"shap\" process is not running\n  message     no service shap here: "+like+"\n" {
			t.Errorf("status: %v", r)
		}
		var st status
		if r := ask("--json"); json.Unmarshal([]byte(r.stdout), &st) != nil || st.State != "stopped" || st.Message != "no service shap here: "+like {
			t.Errorf("status --json: %v", r)
		}
		s.start()
		s.stop()
	}
	s.mustNotRun("stopped")
}

// What has failed is not waited for, nor what lost its supervisor; what was never started is, and that
// is said.
func TestWaitSaysWhatFor(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground", "exit=1")
	st := s.start("-n", "1", "-t", "0")
	kill(t, st.MainPID, unix.SIGTERM)
	kill(t, s.waitRestart(st).MainPID, unix.SIGTERM)
	s.waitEnd(st, "failed")
	mustFail(t, s.tell("wait"), 1, "shape has failed: ", "exited, status 1", "respawner start shape")
	mustSay(t, s.tell("wait", "--for", "stopped"), "shape has stopped")

	st = s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.mustBeOrphaned(st.MainPID)
	for _, state := range []string{"running", "stopped"} {
		mustFail(t, s.tell("wait", "--for", state), 1, "its supervisor has died", "respawner adopt shape")
	}
	s.start()

	other := s.beside("shope")
	var waited result
	var waiting sync.WaitGroup
	waiting.Go(func() { waited = other.tell("wait") })
	other.start()
	waiting.Wait()
	if waited.code != 0 || !strings.HasPrefix(waited.stdout, "shope is running") {
		t.Errorf("wait: %v", waited)
	}
	other.quietStop()
	s.stop()
}

// A supervisor that dies while it is asked is not waited for.
func TestWaitWhenTheSupervisorDies(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "300")
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	asked := launch(t, s.command("wait"))
	eventually(t, "it waits for an answer", func() bool {
		return slices.ContainsFunc(descriptors(t, asked.pid()), func(fd string) bool {
			leads, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", asked.pid(), fd))
			return err == nil && strings.HasPrefix(leads, "socket:")
		})
	})
	kill(t, st.SupervisorPID, unix.SIGKILL)
	if code := asked.code(); code != 1 {
		t.Errorf("exit code %d", code)
	}
	asked.stderr.waitFor(`its supervisor has died: respawner adopt shape`, 1)
	if r := s.tell("stop"); r.code != 0 {
		t.Errorf("stop: %v", r)
	}
}

// Tree takes patterns, and says which names are unknown.
func TestTreePatterns(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "a1"
	other, third := s.beside("a2"), s.beside("b")
	var all []status
	for _, one := range []*service{s, other, third} {
		all = append(all, one.start())
	}
	r := call(t, "tree", "--runtime-dir", s.runtime, "a*")
	for i, st := range all {
		if shown := strings.Contains(r.stdout, fmt.Sprintf("%d  main", st.MainPID)); shown != (i < 2) {
			t.Errorf("%s: %v", st.Name, r)
		}
	}
	r = call(t, "tree", "--runtime-dir", s.runtime, "nosuch", "b")
	mustFail(t, r, 1, "no service nosuch here")
	if !strings.Contains(r.stdout, fmt.Sprint(all[2].MainPID)) || strings.Contains(r.stdout, "nosuch") {
		t.Errorf("tree: %v", r)
	}
	mustFail(t, call(t, "tree", "--runtime-dir", s.runtime, "c*"), 1, "no service matches c*")
	for _, one := range []*service{s, other, third} {
		one.quietStop()
	}
}
