//go:build linux

package test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// pidNamespace is one in which /proc is not its own: it shows the processes of
// the machine, by the pids they have there.
type pidNamespace struct {
	t    *testing.T
	init int // its first process, seen from here
}

func newPidNamespace(t *testing.T) pidNamespace {
	t.Helper()
	needRoot(t)
	words := []string{"unshare", "--pid", "--fork", "--kill-child"}
	if r := shell(t, append(words, "true")...); r.code != 0 {
		skip(t, r.String())
	}
	r := launch(t, exec.Command(words[0], append(words[1:], "sleep", "1000")...)) // without the test's mark: it is none of the service
	ns := pidNamespace{t: t}
	eventually(t, "it has a first process", func() bool {
		for _, p := range descendants(r.pid()) {
			if p.name == "sleep" {
				ns.init = p.pid
			}
		}
		return ns.init != 0
	})
	return ns
}

// enter has all that concerns a service done in it.
func (ns pidNamespace) enter(s *service) {
	ns.t.Helper()
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter --pid=/proc/%d/ns/pid %s \"$@\"\n", ns.init, s.binary)
	s.binary = writeFile(ns.t, s.dir+"/enter", script, 0o755)
}

// inner are the pids of living processes of a name, as they are within and as
// they are here.
func inner(t *testing.T, name string) map[int]int {
	t.Helper()
	pids := map[int]int{}
	for _, p := range belonging(t) {
		status := (textFile{t, fmt.Sprintf("/proc/%d/status", p.pid)}).text()
		for _, m := range matches(`^NSpid:.*\s(\d+)$`, status) {
			if p.name == name && p.state != 'Z' {
				pids[number(m[1])] = p.pid
			}
		}
	}
	return pids
}

// refusesForeignProc reports whether a start was refused, and holds it to that:
// it names what is wrong, and leaves nothing.
func refusesForeignProc(s *service, code int, stderr string) bool {
	s.t.Helper()
	if code == 0 {
		return false
	}
	if code != 1 || len(matches(`^respawner: .*/proc.* pid namespace`, stderr)) != 1 {
		s.t.Errorf("a refusal should say what is wrong with /proc, exit code 1: %d, %s", code, stderr)
	}
	if left := belonging(s.t); len(left) > 0 {
		s.t.Errorf("left by a start that was refused:\n%s", list(left))
	}
	return true
}

// isTrue waits until status has the processes of the service, by the pids they
// have within, and no others.
func (s *service) isTrue(run int) (st status) {
	s.t.Helper()
	main := s.truth("main", run)
	eventually(s.t, "status tells the truth", func() bool {
		st = s.status()
		var pids []int
		for pid := range inner(s.t, "shape") {
			pids = append(pids, pid)
		}
		slices.Sort(pids)
		return st.State == "running" && st.MainPID == main && slices.Equal(st.PIDs, pids)
	})
	return st
}

// The supervisor is in a pid namespace, and /proc is that of another. Either it
// says so and does nothing, or it does all as ever: by the pids that are its own.
func TestForeignProc(t *testing.T) {
	for _, uid := range []int{0, 65534} {
		for _, kind := range []string{"foreground", "double-fork", "helper-child", "escapees"} {
			t.Run(fmt.Sprintf("%d/%s", uid, kind), func(t *testing.T) {
				t.Parallel()
				ns := newPidNamespace(t)
				s := newShape(t, kind)
				if uid != 0 {
					s.as(uid)
				}
				ns.enter(s)
				r := s.tell("start", "-t", "0", "--stop-timeout", "0.5")
				if refusesForeignProc(s, r.code, r.stderr) {
					return
				}
				first := s.isTrue(1)
				s.quiet()
				before := inner(t, "shape")
				kill(t, before[first.MainPID], unix.SIGKILL)
				if now := s.isTrue(2); now.Restarts != 1 {
					t.Errorf("first %+v\nthen %+v", first, now)
				}
				for pid, here := range before {
					if alive(here) {
						t.Errorf("pid %d of the first run lives beside the second", pid)
					}
				}
				s.quiet()
				s.stop()
				if st := s.status(); st.State != "stopped" {
					t.Errorf("status: %+v", st)
				}
			})
		}
	}
}

// The same as the first process of its namespace, as in a container.
func TestForeignProcForPID1(t *testing.T) {
	t.Parallel()
	newPidNamespace(t) // or skip
	s := newShape(t, "escapees")
	r := launch(t, command(t, "unshare", append([]string{"--pid", "--fork", "--kill-child", respawner,
		"start", "-D", "--runtime-dir", s.runtime, "-t", "0", "--stop-timeout", "0.5", s.program, "--"}, s.args...)...))
	eventually(t, "it is started or refused", func() bool {
		return s.journal.count(`^main \d+$`) > 0 || strings.Contains(r.stderr.text(), "pid namespace") || !alive(r.pid())
	})
	if s.journal.count(`^main \d+$`) == 0 {
		refusesForeignProc(s, r.code(), r.stderr.text())
		return
	}
	first := s.isTrue(1)
	kill(t, inner(t, "shape")[first.MainPID], unix.SIGKILL)
	s.isTrue(2)
	if stop := s.tell("stop"); stop.code != 0 || r.code() != 0 {
		t.Errorf("stop: %v", stop)
	}
	if left := belonging(t); len(left) > 0 {
		t.Errorf("left:\n%s", list(left))
	}
}
