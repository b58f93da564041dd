//go:build linux

package test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// The supervisor is killed: what the program writes then neither ends it nor is
// lost, for the next supervisor finds it.
func TestOutputOutlivesItsSupervisor(t *testing.T) {
	t.Parallel()
	s := newShell(t, `i=0; trap 'i=$((i+1)); echo heard $i; echo $i >"$J"' USR2; echo begun; while :; do sleep 300 & wait $!; kill $!; done`)
	start := s.command("start")
	start.Env = append(start.Env, "J="+s.journal.path)
	if r := finish(t, start); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	st := s.mustRun()
	s.kept().waitFor(`begun$`, 1)
	kill(t, st.SupervisorPID, unix.SIGKILL)
	for i := 1; i <= 3; i++ {
		kill(t, st.MainPID, unix.SIGUSR2)
		s.journal.waitFor(fmt.Sprintf(`^%d$`, i), 1)
	}
	if !alive(st.MainPID) {
		t.Fatal("the program has ended")
	}
	next := s.command("start")
	next.Env = append(next.Env, "J=/dev/null")
	if r := finish(t, next); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	s.kept().waitFor(`heard 3$`, 1)
	s.kept().inOrder(`Z begun\n`, `Z heard 1\n`, `Z heard 2\n`, `Z heard 3\n`)
	kill(t, st.MainPID, unix.SIGKILL)
	for _, p := range belonging(t) {
		if p.name == "sleep" && p.session == st.MainPID {
			kill(t, p.pid, unix.SIGKILL)
		}
	}
	s.stop()
}
