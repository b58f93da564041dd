package main

import (
	"fmt"
	"log/slog"
	"log/syslog"
)

// syslogSink writes to the local syslogd. It connects at the first line, and
// again at each line for as long as nobody listens.
type syslogSink struct {
	dial   func() (*syslog.Writer, error)
	writer *syslog.Writer
}

func dialSyslog() (*syslog.Writer, error) {
	return syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "respawner")
}

// syslogAvailable tells whether somebody listens to syslog here; if not,
// messages sent there are lost.
func syslogAvailable() bool {
	w, err := dialSyslog()
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

func (s *syslogSink) close() error {
	if s.writer == nil {
		return nil
	}
	return s.writer.Close()
}
