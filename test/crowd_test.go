//go:build linux

package test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// A member of the control group that keeps asking from all the connections that it gets locks out neither root nor
// another member.
func TestCrowdOfMembers(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	if err := os.Chmod(s.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.start("--control-group", teamGID)
	self, err := selfCopy()
	if err != nil {
		t.Fatal(err)
	}
	as := func(uid string, words ...string) *exec.Cmd {
		return command(t, "setpriv", append([]string{"--reuid=" + uid, "--regid=" + uid, "--groups=" + teamGID}, words...)...)
	}
	asking := as(memberUID, self, s.runtime+"/shape.sock")
	asking.Env = append(asking.Env, envHelper+"=crowd")
	crowd := launch(t, asking)
	crowd.stderr.waitFor(`^all ask$`, 1)
	for range 10 {
		if r := s.tell("status"); r.code != 0 {
			t.Fatalf("root's status: %v", r)
		}
		if r := finish(t, as(strangerUID, append([]string{respawner}, s.words("status")...)...)); r.code != 0 {
			t.Fatalf("another member's status: %v", r)
		}
	}
	if r := s.tell("stop"); r.code != 0 {
		t.Errorf("root's stop: %v", r)
	}
	if crowd.code() != 0 {
		t.Errorf("the crowd: %s", crowd.stderr.text())
	}
}

// beCrowd is the helper: it asks a supervisor's SOCKET on as many connections as it can, until the supervisor has ended.
func beCrowd(args []string) error {
	const many = 64
	ended := make(chan error, many)
	asked := make(chan bool, many)
	for range many {
		go func() { ended <- askOn(args[0], asked) }()
	}
	for range many / 2 {
		<-asked
	}
	fmt.Fprintln(os.Stderr, "all ask")
	for range many {
		if err := <-ended; err != nil {
			return err
		}
	}
	return nil
}

// askOn asks for the status again and again, and connects anew when it was hung up on.
func askOn(socket string, asked chan<- bool) error {
	for first := true; ; {
		conn, err := net.Dial("unix", socket)
		if err != nil {
			return nil // the supervisor has ended
		}
		in, line := bufio.NewReader(conn), ""
		for err == nil {
			if _, err = conn.Write([]byte(`{"v":1,"op":"status"}` + "\n")); err == nil {
				line, err = in.ReadString('\n')
			}
			if first && strings.Contains(line, `"status"`) {
				first = false
				asked <- true
			}
		}
		if err := conn.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
	}
}
