//go:build linux

package test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const askStatus = `{"v":1,"op":"status"}` + "\n"

// peer is a client of a service's socket with manners of its own.
func (s *service) peer() net.Conn {
	s.t.Helper()
	conn, err := net.Dial("unix", s.socket())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() }) // it may be closed
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func (s *service) socket() string { return s.runtime + "/" + s.name + ".sock" }

// leaksNothing is called before peers misbehave; what it returns, afterwards.
func (s *service) leaksNothing(st status) func() {
	s.t.Helper()
	before := len(descriptors(s.t, st.SupervisorPID))
	return func() {
		s.t.Helper()
		eventually(s.t, "the supervisor has as many descriptors as before", func() bool {
			return len(descriptors(s.t, st.SupervisorPID)) <= before // a record may have been written just then
		})
		if now := s.mustRun(); now.MainPID != st.MainPID || now.SupervisorPID != st.SupervisorPID {
			s.t.Errorf("before: %+v\nnow: %+v", st, now)
		}
	}
}

// Whatever peers say or leave unsaid, others are served, and nothing is left
// of them.
func TestHostilePeers(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	check := s.leaksNothing(st)
	var hangers []net.Conn
	for range 40 { // half a line, and then nothing
		hanger := s.peer()
		if _, err := io.WriteString(hanger, askStatus[:9]); err != nil {
			t.Error(err)
		}
		hangers = append(hangers, hanger)
	}
	for _, words := range []string{
		"\x00\xff\x16\x03\x01\n", "GET / HTTP/1.1\r\n\r\n", "\n", `{"v":1,"op":"signal","signal":65}` + "\n",
		`{"v":9,"op":"stop"}` + "\n", strings.Repeat("[", 4000) + "\n", `{"v":1,"op":"STOP"}` + "\n",
	} {
		garbler := s.peer()
		if _, err := io.WriteString(garbler, words); err != nil {
			t.Error(err)
		}
		said, err := io.ReadAll(garbler)
		if !bytes.Contains(said, []byte(`"code":"request"`)) || bytes.Count(said, []byte("\n")) != 1 {
			t.Errorf("%q was answered by %q, %v", words, said, err)
		}
	}
	_, err := s.peer().Write(bytes.Repeat([]byte("x"), 4<<20)) // a line without end
	if !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("an endless line was taken: %v", err)
	}
	s.mustRun()
	for _, hanger := range hangers {
		_ = hanger.Close()
	}
	check()
	s.stop()
}

// Ten thousand clients connect and go.
func TestTenThousandConnects(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	check := s.leaksNothing(st)
	for range 10_000 {
		conn, err := net.Dial("unix", s.socket())
		if errors.Is(err, unix.EAGAIN) {
			s.status() // the queue is full: others wait, and are served
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	check()
	s.stop()
}

// A thousand questions of fifty clients at once are all answered.
func TestThousandQuestions(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	check := s.leaksNothing(st)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range 20 {
				if r := s.tell("status", "--json"); r.code != 0 || !strings.Contains(r.stdout, `"state":"running"`) {
					t.Errorf("status: %v", r)
				}
			}
		})
	}
	all.Wait()
	check()
	s.stop()
}
