//go:build linux

package test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nextPort goes through ports from which no connection of this machine is
// ever made by itself.
var nextPort atomic.Int32

// freePort is a free port of the loopback.
func freePort(t *testing.T) string {
	t.Helper()
	for range 500 {
		port := strconv.Itoa(20000 + int(nextPort.Add(1)))
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

// get asks for the one page of a server.
func get(port string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 5 * time.Second}
	answer, err := client.Get("http://127.0.0.1:" + port + "/")
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the server says: %s", answer.Status)
	}
	return string(body), err
}

func mustGet(t *testing.T, port, want string) {
	t.Helper()
	if body, err := get(port); err != nil || body != want {
		t.Fatalf("GET / should answer %q: %q, %v", want, body, err)
	}
}

const page = "a page of the test\n"

// newLighttpd is the real lighttpd on a free port.
func newLighttpd(t *testing.T) (s *service, port string) {
	t.Helper()
	program, err := exec.LookPath("lighttpd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/lighttpd"); err != nil {
			skip(t, "no lighttpd (apt-get install lighttpd)")
		}
	}
	s, port = newService(t, program), freePort(t)
	writeFile(t, s.dir+"/index.html", page, 0o644)
	conf := fmt.Sprintf(`server.document-root = %q
server.bind = "127.0.0.1"
server.port = %s
server.pid-file = %q
server.errorlog = %q
index-file.names = ( "index.html" )
`, s.dir, port, s.dir+"/lighttpd.pid", s.dir+"/error.log")
	s.args = []string{"-f", writeFile(t, s.dir+"/lighttpd.conf", conf, 0o644)}
	return s, port
}

// The seed's third scenario: lighttpd puts itself into the background, is
// killed, comes back, and ends respawner when it ends; however it is followed.
func TestSeedLighttpd(t *testing.T) {
	for name, options := range map[string]func(s *service) []string{
		"follow-forks": func(*service) []string { return []string{"--follow-forks"} },
		"auto":         func(*service) []string { return nil },
		"pidfile":      func(s *service) []string { return []string{"-p", s.dir + "/lighttpd.pid"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, port := newLighttpd(t)
			first := s.start(append(options(s), "-e", "0,1", "-t", betweenRestarts)...)
			mustGet(t, port, page)
			if !first.Followed {
				t.Errorf("lighttpd is in the background, but status does not say so: %+v", first)
			}

			kill(t, first.MainPID, unix.SIGKILL)
			s.log.waitFor(fmt.Sprintf(`proc %d killed by signo 9`, first.MainPID), 1)
			s.mustNotRun("backoff")
			if body, err := get(port); err == nil {
				t.Errorf("it still answers: %q", body)
			}
			s.log.waitFor(`lighttpd restarted\(1/0\), pid \d+`, 1)
			second := s.waitState("running")
			s.mustRun()
			mustGet(t, port, page)
			if second.MainPID == first.MainPID || second.Restarts != 1 {
				t.Errorf("first %+v\nthen %+v", first, second)
			}

			kill(t, second.MainPID, unix.SIGTERM)
			s.waitEnd(second, "stopped")
			s.log.inOrder(
				fmt.Sprintf(`started \(pid %d\), command: start lighttpd`, first.SupervisorPID),
				`lighttpd started, pid \d+`, `proc \d+ exited, status 0\b`,
				fmt.Sprintf(`proc %d killed by signo 9`, first.MainPID),
				`lighttpd restarted\(1/0\), pid \d+`, `proc \d+ exited, status 0\b`,
				fmt.Sprintf(`proc %d exited, status [01]\b`, second.MainPID), `stopped`,
			)
		})
	}
}

// After a stop the port does not answer.
func TestStopLighttpd(t *testing.T) {
	t.Parallel()
	s, port := newLighttpd(t)
	s.start("--follow-forks")
	mustGet(t, port, page)
	s.stop()
	if body, err := get(port); err == nil {
		t.Errorf("it still answers: %q", body)
	}
	s.mustNotRun("stopped")
}
