package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openLogFile opens path to append to it. O_NONBLOCK lets a fifo that nobody
// reads fail instead of hang, O_NOCTTY keeps a terminal from becoming ours.
func openLogFile(path string) (*os.File, error) {
	const flags = os.O_WRONLY | os.O_APPEND | os.O_CREATE | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_CLOEXEC
	f, err := os.OpenFile(path, flags, 0o640)
	switch {
	case errors.Is(err, unix.EISDIR):
		return nil, notAFile(path, "a directory")
	case errors.Is(err, unix.ENXIO):
		return nil, notAFile(path, "a fifo or a socket")
	case err != nil:
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !isLog(info.Mode()) {
		err = notAFile(path, "a fifo")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// isLog accepts files, and character devices such as /dev/null or a terminal.
func isLog(mode fs.FileMode) bool {
	return mode.IsRegular() || mode&fs.ModeCharDevice != 0
}

func notAFile(path, what string) error {
	return fmt.Errorf("%s is %s: name a file, or syslog", path, what)
}
