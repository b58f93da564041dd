package procconn_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// The tests of this file talk to the real kernel.

func TestChild(t *testing.T) {
	conn := dial(t)
	cmd := exec.Command("/bin/sh", "-c", "exit 3")
	_ = cmd.Run()
	pid := cmd.Process.Pid

	events := untilExit(t, conn, pid)
	if got := kinds(events, pid); got != "fork exec exit" {
		t.Errorf("events %q", got)
	}
	fork := only(t, events, procconn.Fork, pid)
	if fork.PID != pid || fork.ParentTGID != os.Getpid() || fork.IsThread() {
		t.Errorf("%+v", fork)
	}
	exit := only(t, events, procconn.Exit, pid)
	if status := syscall.WaitStatus(exit.ExitCode); !status.Exited() || status.ExitStatus() != 3 {
		t.Errorf("exit code %#x", exit.ExitCode)
	}
	if exit.ExitSignal != int(syscall.SIGCHLD) || exit.Time < fork.Time {
		t.Errorf("%+v, after %+v", exit, fork)
	}
	if conn.Skipped() != 0 {
		t.Errorf("%d frames skipped", conn.Skipped())
	}
}

func TestChildKilled(t *testing.T) {
	conn := dial(t)
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	exit := only(t, untilExit(t, conn, cmd.Process.Pid), procconn.Exit, cmd.Process.Pid)
	if status := syscall.WaitStatus(exit.ExitCode); status.Signal() != syscall.SIGKILL {
		t.Errorf("exit code %#x", exit.ExitCode)
	}
}

func TestThreads(t *testing.T) {
	conn := dial(t)
	cmd := child("threads", nil)
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	tasks := map[int]bool{} // that live
	threads := 0
	for born := false; !born || len(tasks) > 0; {
		ev, err := conn.Receive()
		switch {
		case err != nil:
			t.Fatal(err)
		case ev.TGID != cmd.Process.Pid:
		case ev.Kind == procconn.Fork:
			born, tasks[ev.PID] = true, true
			if ev.IsThread() {
				threads++
			}
		case ev.Kind == procconn.Exit:
			delete(tasks, ev.PID)
			if ev.IsThread() != (ev.ExitSignal == -1) {
				t.Errorf("%+v", ev)
			}
		}
	}
	if threads == 0 {
		t.Error("the birth of no thread was told")
	}
}

func TestReceiveWaits(t *testing.T) {
	conn := dial(t)
	drain(t, conn)
	cmd := exec.Command("/bin/true")
	done := make(chan error, 1)
	go func() { done <- cmd.Run() }()
	for {
		ev, err := conn.Receive()
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind == procconn.Fork && ev.ParentTGID == os.Getpid() && !ev.IsThread() {
			break
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestCloseEndsReceive(t *testing.T) {
	conn := dial(t)
	done := make(chan error)
	go func() {
		for {
			if _, err := conn.Receive(); err != nil {
				done <- err
				return
			}
		}
	}()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if _, _, err := conn.TryReceive(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestProbe(t *testing.T) {
	conn := dial(t)
	cmd := exec.Command("/bin/true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	comm, err := os.ReadFile("/proc/thread-self/comm")
	if err != nil {
		t.Fatal(err)
	}
	var events []procconn.Event
	if err := conn.Probe(func(ev procconn.Event) { events = append(events, ev) }); err != nil {
		t.Fatal(err)
	}
	if got := kinds(events, cmd.Process.Pid); !strings.HasPrefix(got, "fork exec") {
		t.Errorf("the probe lost events: %q", got)
	}
	for _, ev := range drain(t, conn) {
		if ev.Kind == procconn.Comm && ev.TGID == os.Getpid() && ev.Name() != strings.TrimSpace(string(comm)) {
			t.Errorf("after the probe a thread is called %q", ev.Name())
		}
	}
}

func TestOverflow(t *testing.T) {
	conn := dial(t)
	if err := conn.SetReadBuffer(8 << 10); err != nil { // room for some 20 events
		t.Fatal(err)
	}
	for round := range 3 {
		for range 10 {
			if err := exec.Command("/bin/true").Run(); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := conn.TryReceive(); !errors.Is(err, procconn.ErrOverflow) {
			t.Fatalf("round %d: %v", round, err)
		}
		if n := catchUp(t, conn); n == 0 {
			t.Fatalf("round %d: nothing was left in the queue", round)
		}
	}
}

// TestProbeWhenFull: a full buffer must be told as such, and not as deafness.
func TestProbeWhenFull(t *testing.T) {
	conn := dial(t)
	if err := conn.SetReadBuffer(8 << 10); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		_ = exec.Command("/bin/true").Run()
	}
	err := conn.Probe(func(procconn.Event) {})
	if !errors.Is(err, procconn.ErrOverflow) {
		t.Fatal(err)
	}
	// From here the kernel's ENOBUFS is spent, and yet it goes on dropping until the queue is empty.
	for errors.Is(err, procconn.ErrOverflow) { // more than once if the machine is busy
		err = conn.Probe(func(procconn.Event) {})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// catchUp does what is to be done after an overflow, and returns how many events were left. Another overflow may come
// if the machine is busy: the buffer is small.
func catchUp(t *testing.T, conn *procconn.Conn) (left int) {
	t.Helper()
	count := func(procconn.Event) { left++ }
	for {
		_, ok, err := conn.TryReceive()
		switch {
		case ok:
			left++
			continue
		case err == nil:
			err = conn.Probe(count)
			if err == nil {
				return left
			}
		}
		if !errors.Is(err, procconn.ErrOverflow) {
			t.Fatalf("after an overflow: %v", err)
		}
	}
}

func TestNamespaces(t *testing.T) {
	root := []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	for name, attr := range map[string]*syscall.SysProcAttr{
		"pid":  {Cloneflags: syscall.CLONE_NEWPID},
		"user": {Cloneflags: syscall.CLONE_NEWUSER, UidMappings: root, GidMappings: root},
		"net":  {Cloneflags: syscall.CLONE_NEWNET},
	} {
		t.Run(name, func(t *testing.T) {
			dial(t) // where we are the connector must work, or the test would say nothing
			out, err := child("dial", attr).CombinedOutput()
			if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
				unmet(t, "no new namespaces: ", err)
			}
			if err != nil || !strings.HasPrefix(string(out), "true ") {
				t.Fatalf("%v: %s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}

func TestUnprivileged(t *testing.T) {
	dial(t)
	attr := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := child("dial", attr).Output()
	if errors.Is(err, syscall.EPERM) {
		unmet(t, "cannot become another user: ", err)
	}
	// Which of the two it is depends on the kernel: from 6.6 on it works.
	if got := string(out); err != nil || !strings.HasPrefix(got, "true ") && got != "false <nil>\n" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestStranger: what a process sends to our port is not the kernel's word.
func TestStranger(t *testing.T) {
	conn := dial(t)
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	forged := procconn.Event{Kind: procconn.Fork, PID: 1 << 30, TGID: 1 << 30}
	to := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: portOf(t, conn)}
	if err := unix.Sendto(fd, procconntest.Frame(forged, 1), 0, to); err != nil {
		unmet(t, "cannot send to a netlink port: ", err)
	}
	for _, ev := range drain(t, conn) {
		if ev.PID == forged.PID {
			t.Error("a forged event was received")
		}
	}
	if conn.Skipped() != 1 {
		t.Errorf("%d frames skipped", conn.Skipped())
	}
}

func portOf(t *testing.T, conn *procconn.Conn) (port uint32) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		if sa, err := unix.Getsockname(int(fd)); err != nil {
			t.Error(err)
		} else {
			port = sa.(*unix.SockaddrNetlink).Pid
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestDialLeaksNothing(t *testing.T) {
	dial(t) // the first one makes the runtime open its own epoll
	before := openFDs(t)
	for range 10 {
		conn, err := procconn.Dial()
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}
