package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// serve is a supervisor with manners of all kinds.
func serve(d *Dir, in *bufio.Scanner, args []string) error {
	c, err := d.Claim("x")
	if err != nil {
		return err
	}
	if args[0] == "without-socket" {
		fmt.Println("ready")
		in.Scan()
		return c.Release(nil)
	}
	fd, err := c.Listen()
	if err != nil {
		return err
	}
	l, err := net.FileListener(os.NewFile(uintptr(fd), "control"))
	if err != nil {
		return err
	}
	defer l.Close()
	fmt.Println("ready")
	if args[0] == "later" {
		in.Scan()
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		switch args[0] {
		case "answer": // and end when told to
			if !answer(conn) {
				continue
			}
			fmt.Println("asked to stop")
			in.Scan()
			return bye(c, conn)
		case "later": // the first ones are idle
			go answer(conn)
		case "silent":
			defer conn.Close()
		case "close":
			_ = conn.Close()
		case "garble":
			reply(conn, []byte("\x16\x03\x01 hello\n"))
		case "refuse":
			reply(conn, Line(Reply{V: Version, Error: "not today"}))
		case "die":
			reply(conn, Line(Reply{V: Version, Status: Unsupervised("x")})[:20])
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		}
	}
}

// reply takes one request and answers it, with whatever.
func reply(conn net.Conn, words []byte) {
	_, _ = bufio.NewReader(conn).ReadBytes('\n')
	_, _ = conn.Write(words)
	_ = conn.Close()
}

// answer serves one request, and reports whether it was a stop.
func answer(conn net.Conn) (stop bool) {
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		return false
	}
	req, _ := ParseRequest(line)
	s := Unsupervised("x")
	s.State, s.SupervisorPID = "running", os.Getpid()
	_, _ = conn.Write(Line(Reply{V: Version, Status: s}))
	if req.Op != OpStop {
		_ = conn.Close()
	}
	return req.Op == OpStop
}

// bye ends as a supervisor does: last words over the line and in the file.
func bye(c *Claim, conn net.Conn) error {
	last := Unsupervised("x")
	last.Message = "the end"
	_, _ = conn.Write(Line(Reply{V: Version, Status: last}))
	return c.Release(last)
}

func supervisor(t *testing.T, manner string) (*Dir, string, *player) {
	t.Helper()
	d, path := runtimeDir(t)
	p := enter(t, "serve", path, manner)
	p.hears("ready")
	return d, path, p
}

func TestStatusAndStop(t *testing.T) {
	d, path, p := supervisor(t, "answer")
	s, presence, err := d.Status("x")
	if err != nil || presence != Held || s.State != "running" || s.SupervisorPID != p.pid() {
		t.Fatalf("status: %+v, %v, %v", s, presence, err)
	}
	stopped := make(chan error, 1)
	go func() {
		s, presence, err := d.Stop(context.Background(), "x", Request{})
		if err == nil && (presence != Held || s.Message != "the end") {
			err = fmt.Errorf("%v, %+v", presence, s)
		}
		if err == nil && unix.Waitid(unix.P_PID, p.pid(), nil, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil) != nil {
			err = errors.New("returned before the supervisor was gone")
		}
		stopped <- err
	}()
	p.hears("asked to stop")
	select {
	case err := <-stopped:
		t.Fatalf("stop did not wait: %v", err)
	default:
	}
	p.tell("now")
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	p.leave()
	if got := list(t, path); got != "x.json" {
		t.Errorf("left behind: %q", got)
	}
	if s, presence, err := d.Status("x"); err != nil || presence != Absent || s.Message != "the end" {
		t.Errorf("status afterwards: %+v, %v, %v", s, presence, err)
	}
	if s, presence, err := d.Stop(context.Background(), "x", Request{}); s != nil || presence != Absent || err != nil {
		t.Errorf("stop of nothing: %+v, %v, %v", s, presence, err)
	}
}

// A client that waits for a stop may give up; the error is then the context's.
func TestStopGivesUp(t *testing.T) {
	for _, want := range []error{context.Canceled, context.DeadlineExceeded} {
		t.Run(want.Error(), func(t *testing.T) {
			d, _, p := supervisor(t, "answer")
			ctx, cancel := context.WithCancel(context.Background())
			if want == context.DeadlineExceeded {
				ctx, cancel = context.WithTimeout(context.Background(), time.Second)
			}
			defer cancel()
			if want == context.Canceled {
				go func() {
					p.hears("asked to stop")
					cancel()
				}()
			}
			if _, presence, err := d.Stop(ctx, "x", Request{}); !errors.Is(err, want) || presence != Held {
				t.Errorf("got %v, %v; want %v", presence, err, want)
			}
		})
	}
}

func TestSupervisorDiesInTheMiddle(t *testing.T) {
	d, path, p := supervisor(t, "die")
	s, presence, err := d.Status("x")
	if err != nil || presence != Stale || s.State != "failed" || !strings.Contains(s.Message, "supervisor died") {
		t.Errorf("status: %+v, %v, %v", s, presence, err)
	}
	p.kill()
	if s, presence, err := d.Stop(context.Background(), "x", Request{}); s != nil || err != nil || presence != Stale {
		t.Errorf("stop of what it left: %+v, %v, %v", s, presence, err)
	}
	if got := list(t, path); got != "x.lock x.sock" { // a stop for good takes the claim up first
		t.Errorf("left behind: %q", got)
	}

	p = enter(t, "serve", path, "die")
	p.hears("ready")
	if s, presence, err := d.Stop(context.Background(), "x", Request{}); s != nil || err != nil || presence != Stale {
		t.Errorf("stop: %+v, %v, %v", s, presence, err)
	}
	if got := list(t, path); got != "x.lock x.sock" {
		t.Errorf("left behind: %q", got)
	}
}

func TestSupervisorTalksNonsense(t *testing.T) {
	for manner, want := range map[string]string{"garble": "the supervisor's answer", "refuse": "the supervisor says: not today"} {
		d, _, _ := supervisor(t, manner)
		if _, presence, err := d.Status("x"); err == nil || !strings.Contains(err.Error(), want) || presence != Held {
			t.Errorf("%s: status: %v, %v", manner, presence, err)
		}
		if _, presence, err := d.Stop(context.Background(), "x", Request{}); err == nil || !strings.Contains(err.Error(), want) || presence != Held {
			t.Errorf("%s: stop: %v, %v", manner, presence, err)
		}
	}
}

// One that holds the lock but can't be talked to is an error, after Patience,
// that names it.
func TestSupervisorIsSilent(t *testing.T) {
	if testing.Short() {
		t.Skip("takes Patience: 10 s")
	}
	var all sync.WaitGroup
	for _, manner := range []string{"silent", "close", "without-socket"} {
		d, _, p := supervisor(t, manner)
		all.Go(func() {
			begun := time.Now()
			if _, presence, err := d.Status("x"); !errors.Is(err, ErrSilent) || presence != Held {
				t.Errorf("%s: status: %v, %v", manner, presence, err)
			} else if manner != "silent" && !strings.Contains(err.Error(), fmt.Sprintf("its pid is %d;", p.pid())) {
				t.Errorf("%s: %q does not name pid %d", manner, err, p.pid())
			}
			if took := time.Since(begun); took < Patience || took > 2*Patience {
				t.Errorf("%s: gave up after %v", manner, took)
			}
		})
		all.Go(func() {
			if _, presence, err := d.Stop(context.Background(), "x", Request{}); !errors.Is(err, ErrSilent) || presence != Held {
				t.Errorf("%s: stop: %v, %v", manner, presence, err)
			}
		})
	}
	all.Wait()
}

// A supervisor that is just beginning has no socket yet: the client waits for
// it, and for one that goes meanwhile it does not wait in vain.
func TestClientWaitsForTheSocket(t *testing.T) {
	d, _, p := supervisor(t, "without-socket")
	type outcome struct {
		presence Presence
		err      error
	}
	done := make(chan outcome, 1)
	go func() {
		_, presence, err := d.Status("x")
		done <- outcome{presence, err}
	}()
	select {
	case o := <-done:
		t.Fatalf("did not wait: %+v", o)
	default:
	}
	p.leave()
	o := <-done
	if o.err != nil || o.presence != Absent {
		t.Errorf("got %+v", o)
	}
}

// While the socket's queue is full a client has to wait, but is not lost.
func TestQueueIsFull(t *testing.T) {
	d, path, p := supervisor(t, "later")
	for err := error(nil); err == nil; {
		var fd int
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err = unix.Connect(fd, &unix.SockaddrUnix{Name: path + "/x.sock"}); err != nil && err != unix.EAGAIN {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		_, _, err := d.Status("x")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(100 * time.Millisecond): // it has nothing to tell while it waits
	}
	p.tell("accept")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestReadLast(t *testing.T) {
	valid := string(Line(&Status{Name: "x", State: "failed", PIDs: []int{}, Processes: []Process{}}))
	tests := []struct {
		name  string
		make  func(file string) error
		state string
	}{
		{"none", func(string) error { return nil }, "stopped"},
		{"good", text(valid), "failed"},
		{"good, more behind it", text(valid + "more"), "failed"},
		{"garbage", text("\x00\x01garbage"), "stopped"},
		{"empty", text(""), "stopped"},
		{"torn", text(valid[:len(valid)/2]), "stopped"},
		{"an array", text("[" + valid + "]"), "stopped"},
		{"another's", text(string(Line(&Status{Name: "y", State: "failed"}))), "stopped"},
		{"huge", text(strings.Repeat(" ", maxLast) + valid), "stopped"},
		{"a directory", func(f string) error { return os.Mkdir(f, 0o700) }, "stopped"},
		{"a fifo", func(f string) error { return unix.Mkfifo(f, 0o600) }, "stopped"},
		{"a link to a good one", func(f string) error {
			return errors.Join(os.WriteFile(f+"-real", []byte(valid), 0o600), os.Symlink(f+"-real", f))
		}, "stopped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, path := runtimeDir(t)
			if err := tt.make(path + "/x.json"); err != nil {
				t.Fatal(err)
			}
			s, presence, err := d.Status("x")
			if err != nil || presence != Absent || s.Name != "x" || s.State != tt.state {
				t.Errorf("got %+v, %v, %v; want %s", s, presence, err, tt.state)
			}
		})
	}
}

func text(content string) func(string) error {
	return func(file string) error { return os.WriteFile(file, []byte(content), 0o600) }
}

// What is no sign that the supervisor went must not be taken for one.
func TestInterrupted(t *testing.T) {
	for err, want := range map[error]bool{
		&net.OpError{Err: os.NewSyscallError("connect", unix.ENOENT)}:       true,
		&net.OpError{Err: os.NewSyscallError("connect", unix.ECONNREFUSED)}: true,
		&net.OpError{Err: os.NewSyscallError("read", unix.ECONNRESET)}:      true,
		io.EOF: true, io.ErrUnexpectedEOF: false, os.ErrDeadlineExceeded: false,
		&net.OpError{Err: os.NewSyscallError("connect", unix.EACCES)}: false,
	} {
		if interrupted(err) != want {
			t.Errorf("interrupted(%v) is %v", err, !want)
		}
	}
}
