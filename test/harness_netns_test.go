//go:build linux

package test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// network is a network namespace with nothing but a loopback: its ports are its
// own, and nothing leaves it. It lasts as long as its test.
type network struct {
	path string // a file of it, for nsenter
	link string // its name, as /proc has it
}

// networks are those of tests. A process in one belongs to its test, whatever has
// become of the mark in its environment.
var networks sync.Map // name of the test: network.link

func newNetwork(t *testing.T) network {
	t.Helper()
	file, err := openNetwork()
	if err != nil {
		skip(t, "no network namespace: "+err.Error())
	}
	t.Cleanup(func() {
		networks.Delete(t.Name())
		file.Close()
	})
	n := network{path: fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), file.Fd())}
	if n.link, err = os.Readlink(n.path); err != nil {
		t.Fatal(err)
	}
	networks.Store(t.Name(), n.link)
	// Where 127.0.0.1 is the only address, some resolvers find nothing.
	for _, words := range []string{"link set lo up", "address add 192.0.2.2/32 dev lo"} {
		if r := shell(t, n.enter(append([]string{"ip"}, strings.Fields(words)...)...)...); r.code != 0 {
			t.Fatalf("ip %s: %v", words, r)
		}
	}
	return n
}

// openNetwork makes one; the thread that does is in it for that moment only.
func openNetwork() (*os.File, error) {
	runtime.LockOSThread()
	const here = "/proc/thread-self/ns/net"
	outside, err := os.Open(here)
	if err != nil {
		return nil, err
	}
	defer outside.Close()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, err
	}
	file, err := os.Open(here)
	if err := unix.Setns(int(outside.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(err) // all else would be in there too
	}
	runtime.UnlockOSThread()
	return file, err
}

// enter is the command line that runs something in it.
func (n network) enter(words ...string) []string {
	return append([]string{"nsenter", "--net=" + n.path}, words...)
}

// inNetwork reports whether a process is in the network of a test.
func inNetwork(t *testing.T, pid int) bool {
	mine, ok := networks.Load(t.Name())
	if !ok {
		return false
	}
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && link == mine
}
