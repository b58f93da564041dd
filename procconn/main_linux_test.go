package procconn_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"respawner/procconn"
)

// role is the environment variable that makes the test binary a child process of a test.
const role = "PROCCONN_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "dial":
		_, err := procconn.Dial()
		fmt.Println(errors.Is(err, procconn.ErrUnavailable), err)
	case "filter":
		filterAsUser()
	case "longest":
		longestFilters()
	case "threads": // a Go program has some
	}
}

// child returns a command that runs the test binary in a role, with the given attributes.
func child(name string, attr *syscall.SysProcAttr) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"="+name, "GORACE=atexit_sleep_ms=0") // the race detector lets exits wait for 1 s
	cmd.SysProcAttr = attr
	return cmd
}

// unmet skips the test, or fails it where all tests are required.
func unmet(t testing.TB, why ...any) {
	t.Helper()
	if os.Getenv("RESPAWNER_REQUIRE") == "all" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}

// dial returns a Conn to the real kernel with room for what else may be going on on the machine.
func dial(t testing.TB) *procconn.Conn {
	t.Helper()
	conn, err := procconn.Dial()
	if errors.Is(err, procconn.ErrUnavailable) {
		unmet(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetReadBuffer(16 << 20); err != nil {
		t.Fatal(err)
	}
	return conn
}

// drain returns all events that are queued.
func drain(t testing.TB, conn *procconn.Conn) (events []procconn.Event) {
	t.Helper()
	for {
		ev, ok, err := conn.TryReceive()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return events
		}
		events = append(events, ev)
	}
}

// untilExit returns all events up to the Exit of a process, which can come after we have reaped it.
func untilExit(t testing.TB, conn *procconn.Conn, tgid int) (events []procconn.Event) {
	t.Helper()
	for {
		ev, err := conn.Receive()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
		if ev.Kind == procconn.Exit && ev.PID == tgid {
			return events
		}
	}
}

// kinds returns the kinds of those events that are about the process tgid.
func kinds(events []procconn.Event, tgid int) string {
	var kinds []string
	for _, ev := range events {
		if ev.TGID == tgid {
			kinds = append(kinds, ev.Kind.String())
		}
	}
	return strings.Join(kinds, " ")
}

// only returns the one event of a kind about the process tgid.
func only(t *testing.T, events []procconn.Event, kind procconn.Kind, tgid int) procconn.Event {
	t.Helper()
	var found []procconn.Event
	for _, ev := range events {
		if ev.Kind == kind && ev.TGID == tgid && !ev.IsThread() {
			found = append(found, ev)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d %v events of %d: %+v", len(found), kind, tgid, found)
	}
	return found[0]
}

func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
