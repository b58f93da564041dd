// Package steal gets hold of what belongs to another process, for tests and benchmarks that do things behind its back. It
// takes root.
package steal

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNone is returned for a process that has no such thing.
var ErrNone = errors.New("it has none")

// Connector returns a descriptor of our own for the socket on which a process gets the kernel's process events.
//
// The error wraps ErrNone if it has no such socket; else it is what pidfd_open(2) or pidfd_getfd(2) (Linux 5.6) said.
func Connector(pid int) (fd int, err error) {
	number, err := connectorOf(pid)
	if err != nil {
		return -1, fmt.Errorf("connector of process %d: %w", pid, err)
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(pidfd)
	fd, err = unix.PidfdGetfd(pidfd, number, 0)
	return fd, os.NewSyscallError("pidfd_getfd", err)
}

// connectorOf is the socket's number in the process: it is one of those that the kernel lists by their protocol.
func connectorOf(pid int) (int, error) {
	const protocolAt, inodeAt = 1, 9
	list, err := os.ReadFile("/proc/net/netlink")
	if err != nil {
		return -1, err
	}
	connectors := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		if f := strings.Fields(line); f[protocolAt] == strconv.Itoa(unix.NETLINK_CONNECTOR) {
			connectors["socket:["+f[inodeAt]+"]"] = true
		}
	}
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		return -1, err
	}
	for _, fd := range fds {
		if link, err := os.Readlink(dir + fd.Name()); err == nil && connectors[link] {
			return strconv.Atoi(fd.Name())
		}
	}
	return -1, ErrNone
}
