package main

import (
	"errors"
	"fmt"
	"os"

	"respawner/watch/safepath"
)

// openLogFile opens path to append to it: a file, or a character device such as
// /dev/null or a terminal.
func openLogFile(path string) (*os.File, error) {
	f, err := safepath.AppendDevice(path, logMode)
	return f, logFault(err)
}

// openRegular opens a log file that may be renamed when it is full, as a
// device must not be.
func openRegular(path string) (*os.File, int64, error) {
	f, err := safepath.Append(path, logMode)
	if err != nil {
		return nil, 0, logFault(err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// logMode is for the owner, and for a group to read.
const logMode = 0o640

// logFault says what to do about a path that is no file's.
func logFault(err error) error {
	var kind *safepath.KindError
	if errors.As(err, &kind) {
		return fmt.Errorf("%w: name a file, or syslog", err)
	}
	return err
}
