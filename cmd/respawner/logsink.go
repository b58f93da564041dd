package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A logger's caller is an event loop, which must not wait for a slow disk, a
// full pipe or a hung syslogd: lines go through a bounded queue to one
// goroutine, and what does not fit is dropped and counted.
const (
	queueLines   = 1024
	flushTimeout = 2 * time.Second
	syncTimeout  = 200 * time.Millisecond
)

// logLine is a message on its way out.
type logLine struct {
	time  time.Time
	level slog.Level
	text  string
}

// sink is where lines end up. Only the queue's goroutine calls it.
type sink interface {
	write(logLine) error
	reopen() error // what it writes to may have been moved
	close() error
}

// logger is a log that is written to.
type logger struct {
	*slog.Logger

	// reopen has it opened anew, after its file was moved. It never blocks.
	reopen func()

	// flush waits until what was logged is written, for a moment at most. It returns the
	// descriptor of the log's file, 0 for none.
	flush func() int

	// close writes out what is still queued, waits for that at most
	// flushTimeout, and closes the log; lines logged after that are lost.
	close func() error
}

// newLogger opens the log that is asked for: syslog, stderr, or else the path of
// a file. The warning, if there is one, says where messages go instead.
func newLogger(o options) (log logger, warning string, err error) {
	out, warning, err := newSink(o)
	if err != nil {
		return logger{}, "", err
	}
	return loggerTo(out), warning, nil
}

// goOnLogging is newLogger with a descriptor that an earlier binary had open, 0 for none.
func goOnLogging(o options, fd int) (log logger, warning string, err error) {
	if fd == 0 {
		return newLogger(o)
	}
	syscall.CloseOnExec(fd)
	return loggerTo(&fileSink{o.Log, os.NewFile(uintptr(fd), o.Log)}), "", nil
}

func loggerTo(out sink) logger {
	q := newLogQueue(out)
	return logger{slog.New(&logHandler{queue: q}), q.reopen, q.sync, sync.OnceValue(q.close)}
}

func newSink(o options) (out sink, warning string, err error) {
	switch o.Log {
	case logSyslog:
		m := &messages{syslog: syslogSink{dial: dialLog}, o: o}
		return m, m.where(), nil
	case logStderr:
		return stderrSink{os.Stderr}, "", nil
	}
	f, err := openLogFile(o.Log)
	if err != nil {
		return nil, "", fmt.Errorf("open the log: %w", err)
	}
	return &fileSink{o.Log, f}, "", nil
}

// logQueue carries lines from the handler to the sink.
type logQueue struct {
	lines   chan logLine
	dropped atomic.Int64
	renew   chan struct{}
	syncs   chan chan int
	closing chan struct{}
	done    chan error
}

func newLogQueue(out sink) *logQueue {
	q := &logQueue{
		lines:   make(chan logLine, queueLines),
		renew:   make(chan struct{}, 1),
		syncs:   make(chan chan int),
		closing: make(chan struct{}),
		done:    make(chan error, 1),
	}
	go q.drain(out)
	return q
}

// put never blocks.
func (q *logQueue) put(l logLine) {
	select {
	case q.lines <- l:
	default:
		q.dropped.Add(1)
	}
}

func (q *logQueue) reopen() {
	select {
	case q.renew <- struct{}{}:
	default: // it was asked to already
	}
}

// sync waits until what was put is written, at most syncTimeout. It returns the descriptor of the log's
// file, 0 for none.
func (q *logQueue) sync() (fd int) {
	patience := time.After(syncTimeout)
	synced := make(chan int, 1)
	select {
	case q.syncs <- synced:
	case <-patience:
		return 0
	}
	select {
	case fd = <-synced:
	case <-patience:
	}
	return fd
}

// drain is the queue's goroutine.
func (q *logQueue) drain(out sink) {
	for {
		select {
		case l := <-q.lines:
			q.write(out, l)
		case <-q.renew:
			q.anew(out)
		case synced := <-q.syncs:
			q.flush(out)
			select {
			case <-q.renew: // later it would be another descriptor
				q.anew(out)
			default:
			}
			synced <- descriptorOf(out)
		case <-q.closing:
			q.flush(out)
			q.done <- out.close()
			return
		}
	}
}

// anew has the sink opened anew.
func (q *logQueue) anew(out sink) {
	if err := out.reopen(); err != nil {
		q.write(out, logLine{time.Now(), slog.LevelError, fmt.Sprintf("the log can't be opened anew: %v", err)})
	}
}

// descriptorOf returns the descriptor of a sink that is a file, 0 for others.
func descriptorOf(out sink) int {
	if f, isFile := out.(*fileSink); isFile {
		return int(f.file.Fd())
	}
	return 0
}

// flush writes what is queued now.
func (q *logQueue) flush(out sink) {
	for {
		select {
		case l := <-q.lines:
			q.write(out, l)
		default:
			return
		}
	}
}

// write tells of dropped lines before the next one that gets through. A line
// that the sink cannot take, say on a full disk, counts as dropped too.
func (q *logQueue) write(out sink, l logLine) {
	if n := q.dropped.Swap(0); n > 0 {
		note := logLine{l.time, slog.LevelWarn, plural(int(n), "log message", "log messages") + " dropped"}
		if out.write(note) != nil {
			q.dropped.Add(n)
		}
	}
	if out.write(l) != nil {
		q.dropped.Add(1)
	}
}

// close must be called once only.
func (q *logQueue) close() error {
	close(q.closing)
	select {
	case err := <-q.done:
		if err != nil {
			return fmt.Errorf("close the log: %w", err)
		}
		return nil
	case <-time.After(flushTimeout):
		return errors.New("close the log: it takes no more lines, the last ones are lost")
	}
}

// stderrSink writes the lines of fileSink between those of the program.
type stderrSink struct{ *os.File }

func (s stderrSink) write(l logLine) error {
	_, err := fmt.Fprintln(s, l.stamped())
	return err
}

// reopen and close leave stderr open, which belongs to the process.
func (stderrSink) reopen() error { return nil }
func (stderrSink) close() error  { return nil }

// fileSink writes lines such as
// "2026-11-22T19:35:01.123Z respawner[123]: lighttpd started, pid 124".
type fileSink struct {
	path string
	file *os.File
}

func (s *fileSink) write(l logLine) error {
	_, err := fmt.Fprintln(s.file, l.stamped())
	return err
}

// stamped is the line with its time.
func (l logLine) stamped() string {
	return moment(l.time) + " " + l.signed()
}

// reopen keeps the file at hand when it fails.
func (s *fileSink) reopen() error {
	f, err := openLogFile(s.path)
	if err != nil {
		return err
	}
	err = s.file.Close()
	s.file = f
	return err
}

func (s *fileSink) close() error { return s.file.Close() }

// signed is the line as syslog would show it, without the time.
func (l logLine) signed() string {
	return fmt.Sprintf("respawner[%d]: %s%s", os.Getpid(), levelPrefix(l.level), l.text)
}

// levelPrefix marks the lines that are more than information.
func levelPrefix(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "error: "
	case level >= slog.LevelWarn:
		return "warning: "
	}
	return ""
}
