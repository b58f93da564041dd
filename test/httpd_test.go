//go:build linux

package test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The project's own little daemon, which runs anywhere, for make demo.
func TestOwnHTTPD(t *testing.T) {
	t.Parallel()
	program := tempDir(t) + "/httpd"
	if _, err := exec.LookPath("go"); err != nil {
		skip(t, "no go to build test/httpd")
	}
	if r := shell(t, "go", "build", "-o", program, "./httpd"); r.code != 0 {
		t.Fatalf("build: %v", r)
	}
	port := freePort(t)
	s := newService(t, program, "-listen", "127.0.0.1:"+port)
	st := s.start("-t", "0.2")
	mustAnswer(t, port, st.MainPID)
	st = s.crash(st.MainPID)
	mustAnswer(t, port, st.MainPID)
	kill(t, st.MainPID, unix.SIGTERM)
	s.waitEnd(st, "stopped")
}

func mustAnswer(t *testing.T, port string, pid int) {
	t.Helper()
	if body, err := get(port); err != nil || strings.TrimSpace(body) != strconv.Itoa(pid) {
		t.Errorf("main is %d, but GET / answers %q, %v", pid, body, err)
	}
}
