//go:build linux

package test

import (
	"encoding/json"
	"strconv"
	"testing"
)

// listener writes down the signals that it gets, and so does its child.
const listener = `#!/bin/sh
listen() { for s in HUP USR1 USR2; do trap "echo $1 got $s >>$0.heard" $s; done; trap 'exit 0' TERM; }
live() { echo "$1 stands" >>$0.heard; while :; do sleep 300 & wait $!; kill $!; done; }
(listen child; live child) &
listen main; live main
`

func newListener(t *testing.T) (*service, textFile) {
	t.Helper()
	program := writeFile(t, tempDir(t)+"/listener", listener, 0o755)
	return newService(t, program), textFile{t, program + ".heard"}
}

// Reload and signal reach the main process, or all.
func TestSignals(t *testing.T) {
	t.Parallel()
	s, heard := newListener(t)
	st := s.start("--reload-signal", "USR2")
	heard.waitFor("stands", 2)
	mustSay(t, s.tell("reload"), "listener was told to reload: SIGUSR2 to main pid "+strconv.Itoa(st.MainPID)+" (listener)")
	heard.waitFor("main got USR2", 1)
	mustSay(t, s.tell("signal", "hup"), "listener was sent signal 1 (SIGHUP), main pid "+strconv.Itoa(st.MainPID))
	heard.waitFor("main got HUP", 1)
	if n := heard.count("child got"); n != 0 {
		t.Errorf("the child has heard %d signals", n)
	}
	r := s.tell("signal", "USR1", "--all", "--json")
	var now status
	if err := json.Unmarshal([]byte(r.stdout), &now); err != nil || r.code != 0 || now.MainPID != st.MainPID {
		t.Errorf("signal --json: %v, %v", err, r)
	}
	heard.waitFor("main got USR1", 1)
	heard.waitFor("child got USR1", 1)
	if now := s.mustRun(); now.MainPID != st.MainPID || now.Restarts != 0 {
		t.Errorf("before: %+v\nnow: %+v", st, now)
	}
	s.stop()
}

// Where there is no main process, a signal is refused, and reset
// starts one at once.
func TestSignalAndResetInBackoff(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "300")
	kill(t, st.MainPID, 9)
	s.waitState("backoff")
	mustFail(t, s.tell("signal", "USR1"), 1, "there is no process to signal")
	mustFail(t, s.tell("reload"), 1, "there is no process to signal")
	if r := s.tell("reset"); r.code != 0 {
		t.Errorf("reset: %v", r)
	}
	if now := s.waitState("running"); now.MainPID == st.MainPID {
		t.Errorf("status: %+v", now)
	}
	s.stop()
}
