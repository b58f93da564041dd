//go:build linux

package test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/test/steal"
)

// needConnector is for tests of what root has outside of containers.
func needConnector(t *testing.T) {
	t.Helper()
	needRoot(t)
	if contained(t) {
		skip(t, "in a container")
	}
}

// onConnector does something to the socket on which a supervisor gets the
// kernel's process events, behind its back. It takes root.
func onConnector(t *testing.T, supervisor int, do func(fd int) error) {
	t.Helper()
	fd, err := steal.Connector(supervisor)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(fd), unix.Close(fd)); err != nil {
		t.Fatal(err)
	}
}

// deafen has the kernel queue nothing for a socket any more.
func deafen(fd int) error {
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
}

// squeeze leaves a socket's queue the least room there can be: some three
// events.
func squeeze(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 1) }
