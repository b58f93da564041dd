package main

import (
	"fmt"
	"log/slog"
	"log/syslog"
)

// syslogSink writes to the local syslogd. It connects at the first line, and
// again at each line for as long as no syslogd listens.
type syslogSink struct {
	dial   func() (*syslog.Writer, error)
	writer *syslog.Writer
}

func dialSyslog(tag string) (*syslog.Writer, error) {
	return syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, tag)
}

func dialLog() (*syslog.Writer, error) { return dialSyslog("respawner") }

// syslogAvailable reports whether a syslog daemon listens here; if not,
// messages sent there are lost.
func syslogAvailable() bool {
	w, err := dialLog()
	if err != nil {
		return false
	}
	// Nothing was sent, so there is nothing to lose.
	_ = w.Close()
	return true
}

func (s *syslogSink) write(l logLine) (err error) {
	if s.writer == nil {
		if s.writer, err = s.dial(); err != nil {
			return fmt.Errorf("connect to syslog: %w", err)
		}
	}
	switch {
	case l.level >= slog.LevelError:
		return s.writer.Err(l.text)
	case l.level >= slog.LevelWarn:
		return s.writer.Warning(l.text)
	}
	return s.writer.Info(l.text)
}

// reopen makes the next line connect anew.
func (s *syslogSink) reopen() error {
	err := s.close()
	s.writer = nil
	return err
}

func (s *syslogSink) close() error {
	if s.writer == nil {
		return nil
	}
	return s.writer.Close()
}
