package main

import (
	"errors"
	"fmt"
	"log/slog"
	"log/syslog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// recorder is a sink that keeps its lines, waits at gate (when there is one)
// and fails for as long as fail says so.
type recorder struct {
	lines   []string
	gate    chan struct{}
	fail    int
	closed  bool
	closing error
}

func (r *recorder) write(l logLine) error {
	if r.gate != nil {
		<-r.gate
	}
	if r.fail > 0 {
		r.fail--
		return errors.New("full")
	}
	r.lines = append(r.lines, l.text)
	return nil
}

func (r *recorder) reopen() error { return nil }

func (r *recorder) close() error { r.closed = true; return r.closing }

func (r *recorder) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(r.lines, lines) || !r.closed {
		t.Errorf("got %q (closed %t), want %q", r.lines, r.closed, lines)
	}
}

func TestLines(t *testing.T) {
	r := &recorder{}
	q := newLogQueue(r)
	log := slog.New(&logHandler{queue: q})
	log.Info("lighttpd started, pid 124")
	log.Debug("not wanted")
	log.Warn("two\nlines \x1b[2J")
	log.With("a", 1).WithGroup("").WithGroup("g").Info("m", "b", "x y", slog.Group("h", "c", ""), slog.Attr{})
	log.Error("failed", "err", errors.New("no such file"))
	if err := q.close(); err != nil {
		t.Error(err)
	}
	r.want(t, "lighttpd started, pid 124", `two\nlines \x1b[2J`, `m a=1 g.b="x y" g.h.c=""`, `failed err="no such file"`)
}

func TestQueueDropsInsteadOfBlocking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{gate: make(chan struct{})}
		q := newLogQueue(r)
		log := slog.New(&logHandler{queue: q})
		log.Info("first")
		synctest.Wait() // the sink is busy with it, the queue empty
		for i := range queueLines + 5 {
			log.Info(fmt.Sprint(i))
		}
		close(r.gate)
		if err := q.close(); err != nil {
			t.Error(err)
		}
		want := []string{"first", "5 log messages dropped"}
		for i := range queueLines {
			want = append(want, fmt.Sprint(i))
		}
		r.want(t, want...)
	})
}

func TestLinesTheSinkRefusesAreCounted(t *testing.T) {
	r := &recorder{fail: 3} // a; then the note and b
	q := newLogQueue(r)
	for _, text := range []string{"a", "b", "c"} {
		q.put(logLine{text: text})
	}
	if err := q.close(); err != nil {
		t.Error(err)
	}
	r.want(t, "2 log messages dropped", "c")
}

func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{gate: make(chan struct{})}
		q := newLogQueue(r)
		q.put(logLine{text: "stuck"})
		before := time.Now()
		if err := q.close(); err == nil || time.Since(before) != flushTimeout {
			t.Errorf("close: %v after %v", err, time.Since(before))
		}
		close(r.gate)
	})
}

func TestCloseTellsTheSinksError(t *testing.T) {
	q := newLogQueue(&recorder{closing: errors.New("boom")})
	if err := q.close(); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("got %v", err)
	}
}

func TestLogFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for _, msg := range []string{"lighttpd started, pid 124", "stopped"} {
		log, _, err := newLogger(options{Log: path})
		if err != nil {
			t.Fatal(err)
		}
		log.Warn(msg)
		if err := errors.Join(log.close(), log.close()); err != nil {
			t.Error(err)
		}
		log.Info("after the end")
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := fmt.Sprintf(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d) respawner\[%d\]: warning: `, os.Getpid())
	want := regexp.MustCompile("^" + line + "lighttpd started, pid 124\n" + line + "stopped\n$")
	if !want.Match(got) {
		t.Errorf("got %q, want %s", got, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&^0o640 != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestLogFileErrors(t *testing.T) {
	dir := t.TempDir()
	fifo, socket := filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	tests := []struct{ path, want string }{
		{dir, "is a directory: name a file"},
		{fifo, "is a fifo: name a file"},
		{socket, "is a socket: name a file"},
		{filepath.Join(dir, "none", "log"), "no such file or directory"},
	}
	check := func(path, want string) {
		if _, _, err := newLogger(options{Log: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	for _, tt := range tests {
		check(tt.path, tt.want)
	}
	reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	check(fifo, "is a fifo: name a file")
}

func TestStderr(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s := stderrSink{w}
	line := logLine{time: renderNow, level: slog.LevelError, text: "stopped"}
	if err := errors.Join(s.write(line), s.close(), w.Close()); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 128)
	n, err := r.Read(buf)
	if got := string(buf[:n]); got != line.stamped()+"\n" || !strings.HasSuffix(got, "]: error: stopped\n") {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestSyslog lets a syslogd of our own come late, go away, and come back.
func TestSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := &syslogSink{dial: func() (*syslog.Writer, error) {
		return syslog.Dial("unixgram", path, syslog.LOG_DAEMON|syslog.LOG_INFO, "respawner")
	}}
	if err := s.write(logLine{text: "lost"}); err == nil {
		t.Error("no error without a syslogd")
	}
	for _, run := range []struct {
		level slog.Level
		pri   int
	}{{slog.LevelInfo, 30}, {slog.LevelWarn, 28}, {slog.LevelError, 27}} {
		daemon, err := net.ListenPacket("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.write(logLine{level: run.level, text: "stopped"}); err != nil {
			t.Error(err)
		}
		buf := make([]byte, 256)
		n, _, err := daemon.ReadFrom(buf)
		want := fmt.Sprintf(`^<%d>\w{3} [ \d]\d \d\d:\d\d:\d\d respawner\[%d\]: stopped\n$`, run.pri, os.Getpid())
		if !regexp.MustCompile(want).Match(buf[:n]) {
			t.Errorf("got %q, %v; want %s", buf[:n], err, want)
		}
		if err := errors.Join(daemon.Close(), os.Remove(path)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.close(), (&syslogSink{}).close()); err != nil {
		t.Error(err)
	}
}

// TestSyslogAvailable holds the answer against what a writer finds.
func TestSyslogAvailable(t *testing.T) {
	w, err := dialLog()
	if w != nil {
		w.Close()
	}
	if got := syslogAvailable(); got != (err == nil) {
		t.Errorf("syslogAvailable() = %t, but dialling gives %v", got, err)
	}
}

// TestOutputToSyslog: each line is a message of the service's. Lines without a
// syslogd are counted as lost.
func TestOutputToSyslog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	s := &outputToSyslog{syslogSink{dial: func() (*syslog.Writer, error) {
		return syslog.Dial("unixgram", path, syslog.LOG_DAEMON|syslog.LOG_INFO, "lighttpd")
	}}}
	lines := [][]byte{[]byte("one"), []byte("two")}
	if n, err := s.Write(time.Now(), lines); n != 0 || err == nil {
		t.Errorf("without a syslogd: %d, %v", n, err)
	}
	for range 2 {
		daemon, err := net.ListenPacket("unixgram", path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := s.Write(time.Now(), lines); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		buf := make([]byte, 256)
		for _, want := range []string{"one", "two"} {
			n, _, err := daemon.ReadFrom(buf)
			if !strings.HasSuffix(string(buf[:n]), fmt.Sprintf(" lighttpd[%d]: %s\n", os.Getpid(), want)) {
				t.Errorf("got %q, %v", buf[:n], err)
			}
		}
		if err := errors.Join(s.Reopen(), daemon.Close(), os.RemoveAll(path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
