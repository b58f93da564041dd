//go:build linux

package test

import (
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// shellCode is the exit status as a shell has it.
func (r *running) shellCode() int {
	r.stderr.t.Helper()
	r.code()
	if status := r.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return r.cmd.ProcessState.ExitCode()
}

// A command that waits ends with 130 on ^C, and with 143 on TERM; what it had begun goes on.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for name, words := range map[string]string{
		"wait": "wait --for stopped", "stop": "stop", "restart": "restart", "events": "events -f", "events as JSON": "events -f --json", "logs": "logs -f",
	} {
		for sig, code := range map[unix.Signal]int{unix.SIGINT: 130, unix.SIGTERM: 143} {
			t.Run(name+" "+unix.SignalName(sig), func(t *testing.T) {
				t.Parallel()
				s := newShell(t, `trap "" TERM; echo up; exec sleep 300`)
				st := s.start("--stop-timeout", "300")
				verb, options, _ := strings.Cut(words, " ")
				r := launch(t, s.command(verb, strings.Fields(options)...))
				if verb == "stop" || verb == "restart" {
					s.waitState("stopping")
				}
				r.signal(sig)
				if got := r.shellCode(); got != code {
					t.Errorf("%s ended with %d, not %d", words, got, code)
				}
				if !alive(st.MainPID) || !alive(st.SupervisorPID) {
					t.Error("the service has ended")
				}
				kill(t, st.SupervisorPID, unix.SIGTERM)
				kill(t, st.MainPID, unix.SIGKILL)
				waitDead(t, st.SupervisorPID)
			})
		}
	}
}

// A start that is broken off ends what it began, and ends with 130.
func TestInterruptedStart(t *testing.T) {
	t.Parallel()
	s := newService(t, "sleep", "300")
	r := launch(t, s.command("start", "--follow-forks"))
	s.waitState("starting")
	r.signal(unix.SIGINT)
	if got := r.shellCode(); got != 130 {
		t.Errorf("start ended with %d", got)
	}
	eventually(t, "the end of what it began", func() bool { return s.status().State == "stopped" })
}
