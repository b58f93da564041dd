package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// service is the name of each service; a supervisor has a runtime directory of its own.
const service = "bench"

// settle is longer than it takes until a service that was killed is called running again. Its status is not asked for
// meanwhile, for the answer would cost the supervisor more than what is measured.
const settle = 400 * time.Millisecond

// supervisor is a respawner that runs in the background, with its service.
type supervisor struct {
	program string
	dir     string
	args    []string // of start
	pid     int
}

// status is what we need of status --json.
type status struct {
	State         string `json:"state"`
	MainPID       int    `json:"main_pid"`
	SupervisorPID int    `json:"supervisor_pid"`
	Tracking      string `json:"tracking"`
	Reason        string `json:"tracking_reason"`
}

// superviseLighttpd starts a supervisor with a lighttpd that is to be followed.
func (t *tools) superviseLighttpd(way string) (*supervisor, error) {
	dir, err := os.MkdirTemp(t.dir, way+"-")
	if err != nil {
		return nil, err
	}
	pidfile, conf := filepath.Join(dir, "pid"), filepath.Join(dir, "lighttpd.conf")
	if err := writeConf(conf, dir, pidfile); err != nil {
		return nil, err
	}
	args := []string{"--follow-forks", t.lighttpd, "--", "-f", conf}
	if way == "pidfile" {
		args = append([]string{"-p", pidfile}, args...)
	}
	return t.supervise(dir, way, args...)
}

// superviseService starts a supervisor with a service that stays in the foreground.
func (t *tools) superviseService(way string) (*supervisor, error) {
	dir, err := os.MkdirTemp(t.dir, way+"-")
	if err != nil {
		return nil, err
	}
	return t.supervise(dir, way, t.helper("service"))
}

func (t *tools) supervise(dir, way string, args ...string) (*supervisor, error) {
	flags := []string{"--tracking", way, "--log", filepath.Join(dir, "log"), "-t", "0", "--name", service}
	s := &supervisor{program: t.respawner, dir: dir, args: append(flags, args...)}
	if err := s.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", way, err), s.stop())
	}
	now, err := s.status()
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	if now.Tracking != way {
		return nil, errors.Join(fmt.Errorf("runs as %s %s", now.Tracking, now.Reason), s.stop())
	}
	s.pid = now.SupervisorPID
	return s, nil
}

// writeConf writes a configuration of lighttpd: a port, and files to serve.
func writeConf(file, dir, pidfile string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	_ = listener.Close() // no other process takes the port in the instant until it is lighttpd's
	text := fmt.Sprintf("server.document-root = %q\nserver.port = %d\nserver.bind = %q\nserver.pid-file = %q\n",
		dir, port, "127.0.0.1", pidfile)
	return os.WriteFile(file, []byte(text), 0o644)
}

// respawner runs a command and returns what it prints.
func (s *supervisor) respawner(verb string, args ...string) ([]byte, error) {
	out, err := command(s.program, append([]string{"--runtime-dir", s.dir, verb}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, fmt.Errorf("respawner %s: %w: %s", verb, err, exit.Stderr)
	}
	return out, err
}

func (s *supervisor) status() (status, error) {
	var now status
	out, err := s.respawner("status", "--json", service) // fails, and answers, when the service is not up
	if broken := json.Unmarshal(out, &now); broken != nil {
		return now, fmt.Errorf("respawner status: %w", errors.Join(err, broken))
	}
	return now, nil
}

// start starts the service, or takes over what a supervisor that was killed has left.
func (s *supervisor) start() error {
	_, err := s.respawner("start", s.args...)
	return err
}

func (s *supervisor) stop() error {
	_, err := s.respawner("stop", service)
	return err
}
