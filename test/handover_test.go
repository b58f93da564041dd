//go:build linux

package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// old is how long a program of these tests waits: it is no young one then.
const old = "linger=11000"

// A program may go on in another process at any age, and is followed without an
// option: it forks, execs itself and leaves; or it goes to the background late.
func TestHandOverAtAnyAge(t *testing.T) {
	for name, words := range map[string][]string{
		"renews":         {"renews", old},
		"renews late":    {"renews", old, "late=100"}, // the exec
		"renews, forked": {"late-fork", old},
		"late-ready":     {"late-ready", old},   // the child is as old as its parent
		"late-starter":   {"late-starter", old}, // and is an orphan by then
	} {
		t.Run(name, func(t *testing.T) {
			eachStep(t, func(t *testing.T, step string) {
				if step == "scan" && name == "late-starter" {
					t.Skip("a scan finds the middle process when that is dead: it could be the next one")
				}
				s := newShape(t, words[0], words[1:]...)
				st := s.start("-t", "0.2", "--tracking", step)
				waitDead(t, s.truth("start", 1))
				next := s.truth("main", 1)
				eventually(t, "the next one is followed", func() bool { now := s.status(); return now.MainPID == next && now.Followed })
				if now := s.mustRun(); now.Restarts != 0 || now.SupervisorPID != st.SupervisorPID {
					t.Errorf("%+v", now)
				}
				kill(t, next, unix.SIGKILL)
				s.log.waitFor(`restarted\(1/0\)`, 1)
				s.stop()
			})
		})
	}
}

// A program that leaves a helper, which runs another program, has ended: the helper
// is ended with it.
func TestHelperIsNoSuccessor(t *testing.T) {
	eachStep(t, func(t *testing.T, step string) {
		s := newService(t, "/bin/sh", "-c", "sleep 11; sleep 1000 & exit 0")
		st := s.start("-t", "0.2", "--tracking", step)
		if end := s.waitEnd(st, "stopped"); end.Restarts != 0 {
			t.Errorf("%+v", end)
		}
		s.recalls("has ended normally")
	})
}

// dhclient puts itself into the background when nothing has answered for a while.
func TestDhclient(t *testing.T) {
	needRoot(t)
	path, err := exec.LookPath("/usr/sbin/dhclient")
	if err != nil {
		skip(t, "no dhclient (isc-dhcp-client)")
	}
	t.Parallel()
	n := newNetwork(t)
	dir := tempDir(t)
	if r := shell(t, n.enter("ip", "link", "add", "d0", "up", "type", "veth", "peer", "name", "d1")...); r.code != 0 {
		t.Fatalf("a network device: %v", r)
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dhclient := writeFile(t, dir+"/dhc", string(binary), 0o755) // no policy of the machine is for that path
	config := writeFile(t, dir+"/conf", "timeout 12;\nretry 300;\n", 0o600)
	words := n.enter(dhclient, "-cf", config, "-lf", dir+"/leases", "-pf", dir+"/pid", "-sf", "/bin/true", "d0")
	s := newService(t, words[0], words[1:]...)
	s.name = "dhclient"
	first := s.start("-t", "0.2")
	waitDead(t, first.MainPID)
	daemon := number(strings.TrimSpace(textFile{t, dir + "/pid"}.waitFor(`^\d+$`, 1)[0]))
	eventually(t, "the daemon is main", func() bool { now := s.status(); return now.MainPID == daemon && now.Followed })
	if now := s.mustRun(); now.Restarts != 0 {
		t.Errorf("%+v", now)
	}
	s.stop()
}
