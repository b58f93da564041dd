package watch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// caller is a client. The test decides each step of it.
type caller struct {
	t    *testing.T
	conn *net.UnixConn
	in   *bufio.Reader
}

func (s *supervised) call() *caller {
	s.t.Helper()
	conn := s.dial()
	return &caller{s.t, conn, bufio.NewReader(conn)}
}

func (c *caller) say(words string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, words); err != nil {
		c.t.Errorf("write: %v", err)
	}
}

// hear waits for a reply.
func (c *caller) hear() (r control.Reply) {
	c.t.Helper()
	line, err := c.in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil || r.V != control.Version || (r.Error == "") == (r.Status == nil) {
		c.t.Errorf("got %q, %v", line, err)
	}
	return r
}

// hearEnd waits until the supervisor has hung up, and fails on more words.
func (c *caller) hearEnd() {
	c.t.Helper()
	more, err := io.ReadAll(c.in)
	if len(more) > 0 || err != nil && !errors.Is(err, unix.ECONNRESET) {
		c.t.Errorf("after the end: %q, %v", more, err)
	}
}

const (
	askStatus = `{"v":1,"op":"status"}` + "\n"
	askStop   = `{"v":1,"op":"stop"}` + "\n"
)

// ping asks on a connection that stands; when the answer is there, all that
// was ready before it has been served.
func (c *caller) ping() {
	c.t.Helper()
	c.say(askStatus)
	if r := c.hear(); r.Status == nil || r.Status.State != "running" {
		c.t.Fatalf("got %+v", r)
	}
}

// sleeper is a supervisor with a quiet service, a client to ping it, and what
// checks that in the end it has open what it had.
func sleeper(t *testing.T) (*supervised, *caller) {
	t.Helper()
	return sleeperOf(t, shell("exec sleep 1000", service.Spec{}))
}

func sleeperOf(t *testing.T, p plan) (*supervised, *caller) {
	t.Helper()
	s := begin(t, p)
	s.up()
	pinger := s.call()
	pinger.ping()
	before := descriptors(s.cmd.Process.Pid)
	t.Cleanup(func() { // before the one of begin
		for end := time.Now().Add(patient); descriptors(s.cmd.Process.Pid) != before; pinger.ping() {
			if time.Now().After(end) {
				t.Errorf("it has open %s; before %s", descriptors(s.cmd.Process.Pid), before)
				return
			}
		}
	})
	return s, pinger
}

func TestControlRefuses(t *testing.T) {
	s, pinger := sleeper(t)
	tests := map[string]struct{ words, want string }{
		"garbage":           {"\x00\xff\x16\x03\x01\n", "not a JSON object"},
		"http":              {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "not a JSON object"},
		"empty line":        {"\n", "not a JSON object"},
		"other version":     {`{"v":2,"op":"status"}` + "\n", "version 2"},
		"unknown":           {`{"v":1,"op":"reboot"}` + "\n", `unknown operation "reboot"`},
		"nested":            {strings.Repeat("[", 4000) + "\n", "not a JSON object"},
		"longest line":      {strings.Repeat(" ", control.MaxRequest-1) + "\n", "not a JSON object"},
		"line too long":     {strings.Repeat(" ", control.MaxRequest) + "\n", "longer than 4096 bytes"},
		"no end of it":      {strings.Repeat("x", control.MaxRequest), "longer than 4096 bytes"},
		"good but too long": {strings.Repeat(" ", control.MaxRequest) + askStatus, "longer than 4096 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := s.call()
			c.say(tt.words)
			if r := c.hear(); !strings.Contains(r.Error, tt.want) {
				t.Errorf("got %+v, want %q", r, tt.want)
			}
			c.hearEnd()
		})
	}
	pinger.ping()
}

// A megabyte without a newline is not read to its end, and not kept.
func TestControlDropsFlood(t *testing.T) {
	s, pinger := sleeper(t)
	c := s.call()
	_, err := c.conn.Write(bytes.Repeat([]byte("x"), 1<<20))
	if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("write: %v, want it broken off", err)
	}
	if r := c.hear(); !strings.Contains(r.Error, "longer than") {
		t.Errorf("got %+v", r)
	}
	c.hearEnd()
	pinger.ping()
}

// Requests may come in pieces, many at once, and with an end behind them.
func TestControlPieces(t *testing.T) {
	s, pinger := sleeper(t)
	c := s.call()
	for _, b := range askStatus {
		c.say(string(b))
		pinger.ping() // it has been read
	}
	c.hear()
	const many = 50 // so few that all answers fit
	c.say(strings.Repeat(askStatus, many))
	check(t, c.conn.CloseWrite())
	for range many {
		c.hear()
	}
	c.hearEnd()
	c = s.call()
	c.say(askStatus[:7])
	check(t, c.conn.CloseWrite())
	c.hearEnd()
}

// A client that hangs with half a line, or says nothing, holds up no other one.
func TestControlHangers(t *testing.T) {
	s, pinger := sleeper(t)
	for i := range 40 {
		c := s.call()
		c.say(askStatus[:i%len(askStatus)])
	}
	for range 100 {
		pinger.ping()
	}
	s.status()
}

// One that asks and never reads is given no more than its socket takes; then
// it is not read from either, so that it costs no memory.
func TestControlPeerThatNeverReads(t *testing.T) {
	s, pinger := sleeper(t)
	c := s.call()
	sent := 0
	for { // until it takes no more
		check(t, c.conn.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
		n, err := c.conn.Write([]byte(strings.Repeat(askStatus, 100)))
		sent += n
		if err != nil {
			break
		}
		if sent > 64<<20 {
			t.Fatal("it takes everything")
		}
	}
	pinger.ping()
	for range sent/len(askStatus) - 1 { // late, but nothing is lost
		c.hear()
	}
}

// Many requests in one go, whose answers don't all fit: each is answered when
// there is room again, though nothing more is asked.
func TestControlAnswersAllThatWasAsked(t *testing.T) {
	const many = 140 // that one read takes in
	path, hear := fifo(t)
	s := begin(t, shell(fmt.Sprintf("for i in $(seq 60); do sleep 1000 & done; echo up >%s; wait", path), service.Spec{}))
	s.up()
	hear()
	c, pinger := s.call(), s.call()
	c.say(strings.Repeat(askStatus, many))
	pinger.ping() // by now it has answered as far as there was room
	check(t, c.conn.SetDeadline(time.Now().Add(10*time.Second)))
	for n := range many {
		if c.hear(); t.Failed() {
			t.Fatalf("after %d answers", n)
		}
	}
}

// Three hundred clients at once: none is lost, though not all are served at a time,
// and not all find room in the queue.
func TestControlCrowd(t *testing.T) {
	const many = 300
	p := shell("exec sleep 1000", service.Spec{})
	p.IdlePatience = patient // on a slow machine it takes a while until all have asked
	s, pinger := sleeperOf(t, p)
	var first []*caller
	for conn, err := s.tryDial(); err == nil; conn, err = s.tryDial() {
		first = append(first, &caller{t, conn, bufio.NewReader(conn)})
	}
	var all sync.WaitGroup
	errs := make(chan error, many)
	for range many - len(first) {
		all.Go(func() { errs <- s.askOnce() })
	}
	for _, c := range first {
		c.ping()
		check(t, c.conn.Close())
	}
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if len(first) <= maxPeers || len(first) >= many {
		t.Errorf("%d found room: this proved little", len(first))
	}
	pinger.ping()
}

// askOnce is a client that waits when the socket's queue is full.
func (s *supervised) askOnce() error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: s.at})
	if err == nil {
		_, err = unix.Write(fd, []byte(askStatus))
	}
	var buf [4096]byte
	n := 0
	for err == nil && !bytes.HasSuffix(buf[:n], []byte("\n")) {
		var more int
		if more, err = unix.Read(fd, buf[n:]); more == 0 && err == nil {
			err = fmt.Errorf("hung up after %q", buf[:n])
		}
		n += more
	}
	return err
}

// All places are taken: more wait in the queue, and are served as soon as one
// has left, or has said nothing for a while.
func TestControlIsFull(t *testing.T) {
	s, pinger := sleeper(t)
	var idle []*caller
	for range maxPeers - 1 { // and the pinger
		c := s.call()
		idle = append(idle, c)
		c.ping()
	}
	pinger.ping() // another one said nothing for longest, and would have to leave
	late := s.call()
	late.say(askStatus)
	check(t, idle[7].conn.Close())
	late.hear()
	pinger.ping()
	for range 3 { // only clients that said nothing have to leave
		late := s.call()
		late.say(askStatus)
		late.hear()
		pinger.ping()
	}
	idle[0].hearEnd()
}

// All clients that ask for a stop hear of the end, the others see the line closed.
func TestControlStop(t *testing.T) {
	path, hear := fifo(t)
	s := begin(t, shell(fmt.Sprintf(`trap 'echo asked >%s; read go <%s.go; exit 0' TERM
		echo up >%s; while :; do sleep 1000 & wait; done`, path, path, path), service.Spec{}))
	check(t, unix.Mkfifo(path+".go", 0o600))
	s.up()
	hear()
	pinger, idle := s.call(), s.call()
	var all []*caller
	for range 5 {
		c := s.call()
		c.say(askStop)
		all = append(all, c)
		if r := c.hear(); r.Status == nil || r.Status.State != "running" && r.Status.State != "stopping" {
			t.Errorf("at once: %+v", r)
		}
	}
	hear() // it has been asked, and takes its time
	pinger.say(askStatus)
	if r := pinger.hear(); r.Status == nil || r.Status.State != "stopping" {
		t.Errorf("meanwhile: %+v", r)
	}
	write(t, path+".go", "go\n", 0o600)
	for _, c := range all {
		if r := c.hear(); r.Status == nil || r.Status.State != "stopped" || len(r.Status.PIDs) != 0 {
			t.Errorf("at the end: %+v", r)
		}
		c.hearEnd()
	}
	idle.hearEnd()
	s.end()
}
