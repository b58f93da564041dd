package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"respawner/watch"
	"respawner/watch/control"
)

// upgradeEnv tells a binary that it is exec'ed by an earlier one, or tried for
// that: its value is the descriptor of what is handed over, or upgradeCheck.
const (
	upgradeEnv   = "RESPAWNER_UPGRADE"
	upgradeCheck = "check"
)

// baggage is what this package adds to what a supervisor hands over.
type baggage struct {
	control.Handover
	State  []byte `json:"state"`
	Log    int    `json:"log,omitempty"`    // descriptors, 0 for none
	Output int    `json:"output,omitempty"` // where the program's output is kept
	Procs  string `json:"procs"`            // the caller's procsEnv
}

// fds returns the descriptors that are kept open.
func (b baggage) fds() []int {
	return slices.DeleteFunc(append(b.FDs(), b.Log, b.Output), func(fd int) bool { return fd <= 0 })
}

// reexec execs a binary in this process, with the same arguments, and hands
// over what it must know in a memfd. It returns only if that fails.
func reexec(binary string, b baggage, keep []int) error {
	memfd, err := wrap(b)
	if err != nil {
		return err
	}
	defer unix.Close(memfd)
	keep = append(append(keep, memfd), b.fds()...)
	if err := closeAtExec(keep, false); err != nil {
		return errors.Join(err, closeAtExec(keep, true))
	}
	others := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, procsEnv+"=") })
	env := append(others, fmt.Sprintf("%s=%d", upgradeEnv, memfd), procsEnv+"=1") // Go heeds the first of each
	err = &os.PathError{Op: "exec", Path: binary, Err: syscall.Exec(binary, os.Args, env)}
	return errors.Join(err, closeAtExec(keep, true))
}

// wrap writes what is handed over into a memfd (memfd_create, Linux 3.17).
func wrap(b baggage) (int, error) {
	memfd, err := unix.MemfdCreate("respawner", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, os.NewSyscallError("memfd_create", err)
	}
	content, err := json.Marshal(b)
	for err == nil && len(content) > 0 {
		var n int
		n, err = unix.Write(memfd, content)
		content = content[max(n, 0):]
	}
	if err != nil {
		return -1, errors.Join(fmt.Errorf("hand over: %w", err), unix.Close(memfd))
	}
	return memfd, nil
}

func closeAtExec(fds []int, yes bool) error {
	flags := 0
	if yes {
		flags = unix.FD_CLOEXEC
	}
	var errs []error
	for _, fd := range fds {
		_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags)
		errs = append(errs, os.NewSyscallError("fcntl", err))
	}
	return errors.Join(errs...)
}

// catchEarly catches signals as early as possible after an earlier binary's exec: a signal that comes before kills.
func catchEarly() {
	if _, err := strconv.Atoi(os.Getenv(upgradeEnv)); err == nil {
		watch.CatchSignals()
	}
}

// unwrap returns what an earlier binary in this process has handed over. It returns
// nil where there was none.
func unwrap() (*baggage, error) {
	value, there := os.LookupEnv(upgradeEnv)
	if !there {
		return nil, nil
	}
	if err := os.Unsetenv(upgradeEnv); err != nil {
		return nil, err
	}
	fd, err := strconv.Atoi(value)
	if err != nil {
		return nil, nil // another program has set it
	}
	if err := os.Unsetenv(procsEnv); err != nil {
		return nil, err
	}
	var b baggage
	_, err = unix.Seek(fd, 0, io.SeekStart)
	f := os.NewFile(uintptr(fd), "handed over")
	if err == nil {
		defer f.Close()
		err = json.NewDecoder(f).Decode(&b)
	}
	if err == nil && b.Procs != "" {
		err = os.Setenv(procsEnv, b.Procs)
	}
	if err != nil {
		return nil, fmt.Errorf("take over from the earlier binary: %w", err)
	}
	return &b, nil
}
