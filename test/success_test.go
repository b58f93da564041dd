//go:build linux

package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A program that exits with success has ended, whatever became of its helpers:
// it is not started again.
func TestSuccessIsTheEnd(t *testing.T) {
	for name, helper := range map[string]string{
		"gone":     "/bin/false",            // before anything can look at what it runs
		"subshell": "(exit 7)",              // it runs the program of its parent
		"told":     "(kill -TERM $BASHPID)", // to end
	} {
		t.Run(name, func(t *testing.T) {
			eachStep(t, func(t *testing.T, step string) { endsAfter(t, step, helper) })
		})
	}
}

// endsAfter has a program end well right after a helper of it did not.
func endsAfter(t *testing.T, step, helper string) {
	t.Helper()
	s := newService(t, "/bin/bash")
	gate := fifo(t, s.dir+"/gate")
	s.args = []string{"-c", "read < " + gate + "; " + helper + "; exit 0"}
	st := s.start("-t", "0", "-n", "1", "--tracking", step)
	writeFile(t, gate, "go\n", 0o600)
	end := s.waitEnd(st, "stopped")
	if end.Restarts != 0 || end.LastExit == nil || end.LastExit.Code != 0 || end.LastExit.Signal != 0 {
		t.Errorf("%+v, last exit %+v", end, end.LastExit)
	}
	s.recalls("has ended normally")
}

func fifo(t *testing.T, path string) string {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
