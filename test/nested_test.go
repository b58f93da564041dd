//go:build linux

package test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// nested is a service that is started from a process of another one, as from a shell below a supervised sshd.
type nested struct {
	outer, web *service
}

func newNested(t *testing.T, wrapper ...string) nested {
	t.Helper()
	outer, web := newService(t, "/bin/sh"), newService(t, "/bin/sleep")
	outer.name, web.name, web.runtime = "agent", "web", outer.runtime
	web.args = []string{"300"}
	words := append(append(wrapper, respawner, "start", "--runtime-dir", web.runtime, "--name", "web", "sleep"), "--", "300")
	outer.args = []string{"-c", `"$@" >"$0" 2>&1; sleep 300`, outer.journal.path}
	outer.args = append(outer.args, words...)
	return nested{outer, web}
}

func (n nested) start(options ...string) (agent, web status) {
	n.outer.t.Helper()
	agent = n.outer.start(options...)
	n.outer.journal.waitFor(`^web is running, main pid (\d+)$`, 1)
	web = n.web.mustRun()
	now := n.outer.mustRun()
	if slices.Contains(now.PIDs, web.SupervisorPID) || slices.Contains(now.PIDs, web.MainPID) {
		n.outer.t.Errorf("web (%d, supervisor %d) is the agent's: %+v", web.MainPID, web.SupervisorPID, now)
	}
	return agent, web
}

// remains asserts that the inner service is what it was.
func (n nested) remains(was status, after string) {
	n.outer.t.Helper()
	if now := n.web.mustRun(); now.MainPID != was.MainPID || now.SupervisorPID != was.SupervisorPID {
		n.outer.t.Errorf("after %s: was %+v\nnow %+v", after, was, now)
	}
}

// A service that is started from a process of another one is a service of its own: it outlives that one.
func TestNestedServiceIsOnItsOwn(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		n := newNested(t)
		agent, web := n.start("--tracking", step)
		if r := n.outer.tell("upgrade"); r.code != 0 {
			t.Errorf("upgrade: %v", r)
		}
		if now := n.outer.mustRun(); slices.Contains(now.PIDs, web.SupervisorPID) {
			t.Errorf("after an upgrade web's supervisor is the agent's: %+v", now)
		}
		kill(t, agent.SupervisorPID, unix.SIGKILL)
		if r := n.outer.tell("adopt"); r.code != 0 {
			t.Errorf("adopt: %v", r)
		}
		if now := n.outer.mustRun(); slices.Contains(now.PIDs, web.SupervisorPID) {
			t.Errorf("after an adoption web's supervisor is the agent's: %+v", now)
		}
		if r := n.outer.tell("stop"); r.code != 0 {
			t.Errorf("stop agent: %v", r)
		}
		n.remains(web, "the agent's stop")
		n.web.stop()
	})
}

// A crash of the outer service ends none of the inner one's processes, and a crash of the inner one is its own supervisor's
// business.
func TestNestedCrashes(t *testing.T) {
	t.Parallel()
	n := newNested(t)
	agent, web := n.start("-t", "0")
	kill(t, web.MainPID, unix.SIGKILL)
	eventually(t, "web was restarted", func() bool {
		now := n.web.status()
		return now.State == "backoff" || now.MainPID != web.MainPID
	})
	if now := n.outer.mustRun(); now.MainPID != agent.MainPID || now.Restarts != 0 {
		t.Errorf("the agent was %+v\nnow %+v", agent, now)
	}
	web = n.web.status()
	kill(t, agent.MainPID, unix.SIGKILL)
	eventually(t, "the agent was restarted", func() bool { return n.outer.status().Restarts == 1 })
	if now := n.web.status(); now.SupervisorPID != web.SupervisorPID {
		t.Errorf("was %+v\nnow %+v", web, now)
	}
	if r := n.outer.tell("stop"); r.code != 0 {
		t.Errorf("stop agent: %v", r)
	}
	n.web.stop()
}

// Below another user's service it is not to be had: start says so, in one line.
func TestNestedBelowAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	n := newNested(t, "setpriv", "--reuid="+memberUID, "--regid="+memberUID, "--clear-groups")
	n.web.runtime = n.web.dir + "/run"
	for i, word := range n.outer.args {
		if word == n.outer.runtime {
			n.outer.args[i] = n.web.runtime
		}
	}
	for _, dir := range []string{n.outer.dir, n.web.dir} {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	n.outer.start()
	n.outer.journal.waitFor(`^web is running`, 1)
	if said := n.outer.journal.text(); strings.Count(said, "below") != 1 || !strings.Contains(said, "started below the service agent") {
		t.Errorf("start said %q", said)
	}
	n.outer.stop()
}
