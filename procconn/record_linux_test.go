package procconn_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/procconn"
)

var update = flag.Bool("update", false, "record testdata/frames.txt anew, from this machine's kernel")

// TestRecord writes testdata. It needs root.
func TestRecord(t *testing.T) {
	if !*update {
		t.Skip("records only with -update")
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20); err != nil {
		t.Fatal(err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1}); err != nil {
		t.Fatal(err)
	}
	dial(t) // its acknowledgement comes to us too
	pids := provoke(t)
	if err := os.WriteFile(recorded, []byte(record(t, fd, pids)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// provoke makes events of all kinds and returns the processes that they are about.
func provoke(t *testing.T) map[int]bool {
	t.Helper()
	pids := map[int]bool{os.Getpid(): true}
	run := func(cmd *exec.Cmd, meanwhile func(pid int)) {
		t.Helper()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		meanwhile(cmd.Process.Pid)
		_ = cmd.Wait()
		pids[cmd.Process.Pid] = true
	}
	nothing := func(int) {}
	run(child("threads", nil), nothing)
	shell := exec.Command("/bin/sh", "-c", "exit 3")
	shell.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: 65534, Gid: 65533}}
	run(shell, nothing)
	runtime.LockOSThread() // the tracer is a thread
	defer runtime.UnlockOSThread()
	run(exec.Command("sleep", "60"), func(pid int) {
		// Attached to, it stops; the signal that ends it with a core dump is delivered as it goes on.
		err := errors.Join(unix.PtraceSeize(pid), syscall.Kill(pid, syscall.SIGQUIT))
		var status unix.WaitStatus
		_, errWait := unix.Wait4(pid, &status, unix.WALL, nil)
		if err := errors.Join(err, errWait, syscall.PtraceDetach(pid), syscall.Kill(pid, syscall.SIGQUIT)); err != nil {
			t.Fatal(err)
		}
	})
	return pids
}

// record reads what is queued and keeps one frame of each sort.
func record(t *testing.T, fd int, pids map[int]bool) string {
	t.Helper()
	var lines strings.Builder
	seen := map[string]bool{}
	buf := make([]byte, 1024)
	for {
		n, err := unix.Read(fd, buf)
		if errors.Is(err, unix.EAGAIN) {
			return lines.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		ev, err := procconn.Decode(buf[:n])
		name := ev.Kind.String()
		switch {
		case err != nil:
			name = "ack"
		case !pids[ev.TGID]:
			continue
		case ev.IsThread():
			name += "-thread"
		}
		if !seen[name] {
			seen[name] = true
			fmt.Fprintf(&lines, "%s %x %+v\n", name, buf[:n], ev)
		}
	}
}
