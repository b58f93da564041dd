package main

import (
	"errors"
	"fmt"
	"path/filepath"

	"respawner/watch/safepath"
)

// messages is where a supervisor's messages go when syslog is asked for: to
// syslog, and where that is not to be had, as in most containers, into a file
// that rotates as the program's output does.
type messages struct {
	syslog syslogSink
	o      options
	file   *outputFile // nil until it is needed
}

// messagesFile returns the file for messages, beside that of the program's output. It is empty when
// there is no such folder.
func (o options) messagesFile() string {
	dir := o.OutputDir
	if filepath.IsAbs(o.Output) {
		dir = filepath.Dir(o.Output)
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, o.Name+".messages")
}

// where returns where messages go, if that is not syslog.
func (m *messages) where() string {
	if syslogAvailable() {
		return ""
	}
	if err := m.open(); err != nil {
		return fmt.Sprintf("no syslog here, so messages are lost (choose a place with --log): %v", err)
	}
	return "no syslog here: messages go to " + m.file.path
}

func (m *messages) open() (err error) {
	path := m.o.messagesFile()
	switch {
	case m.file != nil:
		return nil
	case path == "":
		return errors.New("there is no home directory for a file")
	case filepath.Dir(path) == m.o.OutputDir:
		if err := safepath.MkdirAll(m.o.OutputDir, 0o750); err != nil {
			return err
		}
	}
	file, err := openOutputFile(path, m.o.OutputSize, m.o.OutputKeep)
	if err == nil {
		m.file = file
	}
	return err
}

// write keeps a line that syslog does not take in the file.
func (m *messages) write(l logLine) error {
	err := m.syslog.write(l)
	if err == nil {
		return nil
	}
	if e := m.open(); e != nil {
		return errors.Join(err, e)
	}
	_, err = m.file.Write(l.time, [][]byte{[]byte(l.signed())})
	return err
}

func (m *messages) reopen() error {
	err := m.syslog.reopen()
	if m.file != nil {
		err = errors.Join(err, m.file.Reopen())
	}
	return err
}

func (m *messages) close() error {
	err := m.syslog.close()
	if m.file != nil {
		err = errors.Join(err, m.file.Close())
	}
	return err
}
