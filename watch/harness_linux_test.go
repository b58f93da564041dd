package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// plan is what a supervisor process of a test is to do.
type plan struct {
	Dir     string
	Args    []string
	Spec    service.Spec
	Pidfile string
	LogFile string // "": stderr
	Beside  []plan // other services of the same supervisor

	Tracking   string
	ReadBuffer int // of the connector, 0: as always
	SetSize    int // of the kernel's set, 0: as always

	IdlePatience time.Duration // 0: as always

	Hang    string // a FIFO: the state file and the history hang until it is opened to write
	Forever bool   // it is never: what is left open is not looked for
}

// outcome is what a supervisor process says in the end.
type outcome struct {
	Result Result
	Err    string
	Leaked string
}

// supervise is such a process: there can be one host after the other in one. It prints
// its Report, and then its outcome.
func supervise(p plan) {
	out := json.NewEncoder(os.Stdout)
	warmUp()
	if p.ReadBuffer > 0 {
		readBuffer = p.ReadBuffer
	}
	if p.SetSize > 0 {
		setSize = p.SetSize
	}
	if p.IdlePatience > 0 {
		idlePatience = p.IdlePatience
	}
	dir := must(control.MakeDir(p.Dir))
	null := must(os.OpenFile(os.DevNull, os.O_RDWR, 0))
	var log io.Writer = os.Stderr
	if p.LogFile != "" {
		log = must(os.OpenFile(p.LogFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600))
	}
	p.Spec.Name = "x"
	plans := append([]plan{p}, p.Beside...)
	var claims []*control.Claim
	for _, p := range plans {
		claims = append(claims, must(dir.Claim(p.Spec.Name)))
	}
	before := takeStock()
	var configs []Config
	h := HostConfig{Log: slog.New(slog.NewTextHandler(log, nil))}
	h.Tracking, _ = ParseTracking(p.Tracking)
	for i, p := range plans {
		configs = append(configs, Config{
			Spec: p.Spec, Pidfile: p.Pidfile, Control: must(claims[i].Listen()), StopOnHangup: true,
			Program: Program{Path: must(exec.LookPath(p.Args[0])), Args: p.Args, Env: os.Environ(), Files: [3]*os.File{null, null, null}},
			Log:     h.Log,
			ID:      claims[i].ID(), State: claims[i], History: must(claims[i].History()),
		})
		if p.Hang != "" {
			configs[i].State, configs[i].History = hungState{configs[i].State, p.Hang}, hungHistory{configs[i].History, p.Hang}
		}
	}
	configs[0].Report = func(r Report) { _ = out.Encode(r) }
	s := NewHost(h)
	results, err := s.supervise(context.Background(), s.done, configs...)
	if results == nil { // it could not be made
		results = make([]Result, len(configs))
	}
	end := outcome{Result: results[0]}
	if !p.Forever {
		end.Leaked = before.leaked()
	}
	if err != nil {
		end.Err = err.Error()
	}
	for i, claim := range claims {
		if err := claim.Release(results[i].Last); err != nil {
			end.Err += err.Error()
		}
	}
	_ = out.Encode(end)
}

// supervised is a supervisor process, as its user sees it.
type supervised struct {
	t   *testing.T
	dir *control.Dir
	at  string // the socket
	cmd *exec.Cmd
	out *json.Decoder
	log *logBuffer
}

// logBuffer is what a supervisor has logged until now.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// begin starts a supervisor for a program; launcher, if any, is what starts it.
// It is stopped, in good order, when the test ends.
func begin(t *testing.T, p plan, launcher ...string) *supervised {
	t.Helper()
	p.Dir = filepath.Join(t.TempDir(), "run")
	if p.Spec.StopTimeout == 0 {
		p.Spec.StopTimeout = patient
	}
	argv := append(launcher, must(os.Executable()))
	s := &supervised{t: t, cmd: exec.Command(argv[0], argv[1:]...), dir: must(control.MakeDir(p.Dir)), at: p.Dir + "/x.sock", log: &logBuffer{}}
	s.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", planEnv+"="+string(must(json.Marshal(p))))
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	check(t, err)
	s.out = json.NewDecoder(out)
	check(t, s.cmd.Start())
	t.Cleanup(func() {
		if s.cmd != nil {
			s.stop()
		}
		_ = s.dir.Close()
	})
	return s
}

// shell is a plan for a script.
func shell(script string, spec service.Spec) plan {
	return plan{Args: []string{"sh", "-c", script}, Spec: spec}
}

// report waits for the first outcome of the start.
func (s *supervised) report() (r Report) {
	s.t.Helper()
	if err := s.out.Decode(&r); err != nil {
		killAll(s.cmd.Process.Pid) // it may have said something else, and go on
		_ = s.cmd.Wait()
		s.t.Fatalf("no report: %v; log:\n%s", err, s.log)
	}
	return r
}

// end waits for the end of the supervisor, which must have left nothing.
func (s *supervised) end() (o outcome) {
	s.t.Helper()
	decodeErr, err := s.out.Decode(&o), s.cmd.Wait()
	s.cmd = nil
	if decodeErr != nil || err != nil || o.Err != "" || o.Leaked != "" {
		s.t.Errorf("the supervisor ended badly: %v, %v, error %q, leaked %q; log:\n%s", decodeErr, err, o.Err, o.Leaked, s.log)
	}
	if o.Result.Last == nil {
		o.Result.Last = &control.Status{}
	}
	if left := o.Result.Last.PIDs; len(left) > 0 {
		s.t.Errorf("left behind: %v", left)
	}
	return o
}

// stop has the service stopped by a client, and returns how it ended.
func (s *supervised) stop() outcome {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	if _, _, err := s.dir.Stop(ctx, "x", control.Request{}); err != nil {
		s.t.Errorf("stop: %v", err)
		killAll(s.cmd.Process.Pid)
	}
	return s.end()
}

// killAll ends a supervisor that does not end, and the processes below it.
func killAll(pid int) {
	below := host.childrenOf(pid)
	_ = unix.Kill(pid, unix.SIGKILL)
	for _, child := range below {
		killAll(child)
	}
}

// status is the supervisor's answer.
func (s *supervised) status() *control.Status {
	s.t.Helper()
	st, presence, err := s.dir.Status("x")
	if err != nil || presence != control.Held {
		s.t.Fatalf("status: %+v, %v, %v; log:\n%s", st, presence, err, s.log)
	}
	return st
}

// await asks until the status is as wanted.
func (s *supervised) await(what string, is func(*control.Status) bool) (st *control.Status) {
	s.t.Helper()
	for end := time.Now().Add(patient); ; time.Sleep(5 * time.Millisecond) {
		if st = s.status(); is(st) {
			return st
		}
		if time.Now().After(end) {
			s.t.Fatalf("never came true: %s; it is %+v", what, st)
		}
	}
}

// up waits until the service runs, and returns its main process.
func (s *supervised) up() int {
	s.t.Helper()
	r := s.report()
	if r.PID == 0 || r.Status != 0 || r.Ended {
		s.t.Fatalf("did not come up: %+v", r)
	}
	return r.PID
}

// dial is a connection to the control socket with nothing said.
func (s *supervised) dial() *net.UnixConn {
	s.t.Helper()
	conn, err := s.tryDial()
	check(s.t, err)
	return conn
}

// tryDial fails when the socket's queue is full.
func (s *supervised) tryDial() (*net.UnixConn, error) {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.at, Net: "unix"})
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn, conn.SetDeadline(time.Now().Add(patient))
}

// zombies are the dead children of a process that it has not reaped.
func zombies(of int) (pids []string) {
	files := must(filepath.Glob("/proc/[0-9]*/stat"))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		if stat, err := parseStat(b); err == nil && stat.ppid == of && stat.state == "Z" {
			pids = append(pids, strings.Split(f, "/")[2])
		}
	}
	return pids
}

// fifo is where a script tells us something: it blocks until it is read.
func fifo(t *testing.T) (path string, hear func() string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fifo")
	check(t, unix.Mkfifo(path, 0o600)) // by no child, which a host in this process would have to reap
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return path, func() string {
		t.Helper()
		check(t, f.SetReadDeadline(time.Now().Add(patient)))
		var buf [4096]byte
		n, err := f.Read(buf[:])
		check(t, err)
		return strings.TrimSpace(string(buf[:n]))
	}
}

func pidOf(text string) (pid int) {
	_, _ = fmt.Sscan(text, &pid)
	return pid
}
