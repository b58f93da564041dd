//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// No process can be made, for a while: the supervisor lives and answers, status
// says what is wrong, and when there is place again the service comes up.
func TestNoProcessToBeHad(t *testing.T) {
	t.Parallel()
	g := newPidsGroup(t, 100)
	s := newShape(t, "foreground")
	st := g.start(s, "-t", "0.1")
	threads := countThreads(t, st.SupervisorPID)
	now := s.runsOut(st, func() { g.limit(1) }, func() { g.limit(100) })
	g.onlyOf(now, threads)
	s.stop()
}

// The same for an ordinary user, with a limit for that user's processes.
func TestNoProcessForTheUser(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	if os.Geteuid() == 0 { // root has no such limit
		s.as(61301)
	}
	st := s.start("-t", "0.1")
	limit := func(soft string) {
		t.Helper()
		if r := shell(t, append(s.user, "prlimit", "--nproc="+soft+":", "--pid", fmt.Sprint(st.SupervisorPID))...); r.code != 0 {
			t.Fatal(r)
		}
	}
	s.runsOut(st, func() { limit("1") }, func() { limit("1000") })
	s.stop()
}

// runsOut crashes the service while no process can be made, and makes place
// again.
func (s *service) runsOut(st status, none, again func()) status {
	s.t.Helper()
	none()
	kill(s.t, st.MainPID, unix.SIGKILL)
	s.log.waitFor(`restart failed: .*no process can be made`, 3)
	now := s.status()
	if now.SupervisorPID != st.SupervisorPID || len(matches(`no process can be made.*ulimit -u.*pids\.max`, now.Message)) == 0 {
		s.t.Errorf("status: %+v", now)
	}
	again()
	now = s.waitState("running")
	if now.SupervisorPID != st.SupervisorPID || now.Message != "" || now.Restarts < 3 {
		s.t.Errorf("status: %+v", now)
	}
	s.starts(2)
	return now
}

// as has all that concerns a service done by another user.
func (s *service) as(uid int) {
	s.t.Helper()
	if _, err := exec.LookPath("setpriv"); err != nil {
		skip(s.t, "no setpriv")
	}
	s.user = []string{"setpriv", fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", uid), "--clear-groups"}
	script := fmt.Sprintf("#!/bin/sh\nexec %s %s \"$@\"\n", strings.Join(s.user, " "), respawner)
	s.binary = writeFile(s.t, s.dir+"/respawner", script, 0o755)
	if err := os.Chown(s.dir, uid, uid); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(s.dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
}
