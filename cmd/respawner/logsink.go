package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
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

	// flush waits until what was logged is written, for a moment at most.
	flush func()

	// close writes out what is still queued, waits for that at most
	// flushTimeout, and closes the log; lines logged after that are lost.
	close func() error
}

// newLogger opens the log: syslog, stderr, or else the path of a file.
func newLogger(where string) (logger, error) {
	out, err := newSink(where)
	if err != nil {
		return logger{}, err
	}
	q := newLogQueue(out)
	return logger{slog.New(&logHandler{queue: q}), q.reopen, q.sync, sync.OnceValue(q.close)}, nil
}

func newSink(where string) (sink, error) {
	switch where {
	case logSyslog:
		return &syslogSink{dial: dialLog}, nil
	case logStderr:
		return stderrSink{os.Stderr}, nil
	}
	f, err := openLogFile(where)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	return &fileSink{where, f}, nil
}

// logQueue carries lines from the handler to the sink.
type logQueue struct {
	lines   chan logLine
	dropped atomic.Int64
	renew   chan struct{}
	syncs   chan chan struct{}
	closing chan struct{}
	done    chan error
}

func newLogQueue(out sink) *logQueue {
	q := &logQueue{
		lines:   make(chan logLine, queueLines),
		renew:   make(chan struct{}, 1),
		syncs:   make(chan chan struct{}),
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

// sync waits until what was put is written, at most syncTimeout.
func (q *logQueue) sync() {
	patience := time.After(syncTimeout)
	synced := make(chan struct{})
	select {
	case q.syncs <- synced:
	case <-patience:
		return
	}
	select {
	case <-synced:
	case <-patience:
	}
}

// drain is the queue's goroutine.
func (q *logQueue) drain(out sink) {
	for {
		select {
		case l := <-q.lines:
			q.write(out, l)
		case <-q.renew:
			if err := out.reopen(); err != nil {
				q.write(out, logLine{time.Now(), slog.LevelError, fmt.Sprintf("the log can't be opened anew: %v", err)})
			}
		case synced := <-q.syncs:
			q.flush(out)
			close(synced)
		case <-q.closing:
			q.flush(out)
			q.done <- out.close()
			return
		}
	}
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
		note := logLine{l.time, slog.LevelWarn, fmt.Sprintf("%d log messages dropped", n)}
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

// stamped is the line with its time and pid.
func (l logLine) stamped() string {
	return fmt.Sprintf("%s respawner[%d]: %s%s", l.time.UTC().Format(stampLayout), os.Getpid(), levelPrefix(l.level), l.text)
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
