package watch

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// run starts a program as the supervisor does, with nothing to read or write.
func run(t *testing.T, args ...string) (pid, pidfd int) {
	t.Helper()
	p := program(t, args...)
	pid, pidfd = p.exec(t)
	t.Cleanup(func() {
		_ = host.sendSignal(pidfd, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, 0, nil) // most have been reaped
		_ = unix.Close(pidfd)
	})
	return pid, pidfd
}

// takeEnd returns how a child ended, and has it reaped.
func takeEnd(pidfd int) (service.Exit, error) {
	exit, err := host.endOf(pidfd)
	if err == nil {
		_, err = host.reap(pidfd)
	}
	return exit, err
}

// isDead reports whether a process has ended, reaped or not.
func isDead(pidfd int) bool { return readableWithin(pidfd, 0) }

func program(t testing.TB, args ...string) Program {
	t.Helper()
	path, err := exec.LookPath(args[0])
	if err != nil {
		unmet(t, err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	check(t, err)
	t.Cleanup(func() { _ = null.Close() })
	return Program{Path: path, Args: args, Env: os.Environ(), Files: [3]*os.File{null, null, null}}
}

func TestReap(t *testing.T) {
	tests := []struct {
		script string
		want   service.Exit
	}{
		{"exit 0", service.Exit{Known: true}},
		{"exit 3", service.Exit{Known: true, Code: 3}},
		{"exit 255", service.Exit{Known: true, Code: 255}},
		{"kill -9 $$", service.Exit{Known: true, Signal: 9}},
		{"kill -TERM $$", service.Exit{Known: true, Signal: 15}},
		{"ulimit -c 0; kill -SEGV $$", service.Exit{Known: true, Signal: 11}},
		{"kill -STOP $$; exit 4", service.Exit{Known: true, Code: 4}},
	}
	for _, tt := range tests {
		t.Run(tt.script, func(t *testing.T) {
			pid, pidfd := run(t, "sh", "-c", tt.script)
			if tt.want.Code == 4 { // a stop is no end
				var st unix.WaitStatus
				if _, err := unix.Wait4(pid, &st, unix.WUNTRACED, nil); err != nil || !st.Stopped() {
					t.Fatal(st, err)
				}
				if _, err := takeEnd(pidfd); !errors.Is(err, errNotEnded) {
					t.Errorf("of a stopped process: %v", err)
				}
				check(t, host.sendSignal(pidfd, unix.SIGCONT))
			}
			readable(t, pidfd)
			if got, err := takeEnd(pidfd); err != nil || got != tt.want {
				t.Errorf("got %+v, %v; want %+v", got, err, tt.want)
			}
			if _, err := takeEnd(pidfd); !errors.Is(err, errNotOurs) {
				t.Errorf("a second time: %v", err)
			}
			if _, err := host.openPidfd(pid); !errors.Is(err, errGone) {
				t.Errorf("open it now: %v", err)
			}
			check(t, host.sendSignal(pidfd, unix.SIGKILL)) // no error, and no other process gets it
		})
	}
}

func TestReapCoreFlag(t *testing.T) {
	t.Chdir(t.TempDir()) // where the core falls
	_, pidfd := run(t, "sh", "-c", "ulimit -c unlimited && kill -ABRT $$")
	readable(t, pidfd)
	got, err := takeEnd(pidfd)
	if got.Code != 0 && err == nil {
		unmet(t, "no core dumps to be had here")
	}
	if want := (service.Exit{Known: true, Signal: 6, Core: true}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}

func TestReapOfTheLiving(t *testing.T) {
	_, pidfd := run(t, "sleep", "1000")
	if _, err := takeEnd(pidfd); !errors.Is(err, errNotEnded) || isDead(pidfd) {
		t.Errorf("got %v, dead: %v", err, isDead(pidfd))
	}
	parent, err := host.openPidfd(os.Getppid())
	check(t, err)
	defer unix.Close(parent)
	if _, err := takeEnd(parent); !errors.Is(err, errNotOurs) {
		t.Errorf("of our parent: %v", err)
	}
}

func TestOpenPidfd(t *testing.T) {
	if _, err := host.openPidfd(4194304); !errors.Is(err, errGone) { // one more than there can be
		t.Errorf("a pid of none: %v", err)
	}
	for _, pid := range []int{0, -1} {
		if fd, err := host.openPidfd(pid); err == nil || errors.Is(err, errGone) {
			t.Errorf("pid %d: %d, %v", pid, fd, err)
		}
	}
	pid, pidfd := run(t, "true")
	readable(t, pidfd)
	zombie, err := host.openPidfd(pid)
	if err != nil {
		t.Fatalf("one that is dead but not reaped: %v", err)
	}
	defer unix.Close(zombie)
	if flags, err := unix.FcntlInt(uintptr(zombie), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 || !isDead(zombie) {
		t.Errorf("flags %#x, %v, dead: %v", flags, err, isDead(zombie))
	}
}

func TestDeadChildOnlyLooks(t *testing.T) {
	if pid, err := host.deadChild(); pid != 0 || err != nil {
		t.Fatalf("without children: %d, %v", pid, err)
	}
	run(t, "sleep", "1000")
	if pid, err := host.deadChild(); pid != 0 || err != nil {
		t.Fatalf("with a living one: %d, %v", pid, err)
	}
	want, pidfd := run(t, "sh", "-c", "exit 7")
	readable(t, pidfd)
	for range 2 {
		if pid, err := host.deadChild(); pid != want || err != nil {
			t.Errorf("got %d, %v; want %d", pid, err, want)
		}
	}
	if got, err := takeEnd(pidfd); err != nil || got.Code != 7 {
		t.Errorf("its status was taken: %+v, %v", got, err)
	}
	if pid, err := host.deadChild(); pid != 0 || err != nil {
		t.Errorf("afterwards: %d, %v", pid, err)
	}
}

// The connector's exit code is a raw wait status.
func TestExitOf(t *testing.T) {
	tests := map[uint32]service.Exit{
		0:          {Known: true},
		3 << 8:     {Known: true, Code: 3},
		255 << 8:   {Known: true, Code: 255},
		9:          {Known: true, Signal: 9},
		11 | 0x80:  {Known: true, Signal: 11, Core: true},
		64:         {Known: true, Signal: 64},
		15 | 1<<16: {Known: true, Signal: 15},
	}
	for raw, want := range tests {
		if got := exitOf(raw); got != want {
			t.Errorf("%#x: got %+v, want %+v", raw, got, want)
		}
	}
}

// What is said of it by waitid and by the connector is the same.
func TestExitOfAgreesWithReap(t *testing.T) {
	for _, script := range []string{"exit 0", "exit 255", "kill -9 $$"} {
		_, pidfd := run(t, "sh", "-c", script)
		readable(t, pidfd)
		byWaitid, err := takeEnd(pidfd)
		check(t, err)
		pid, other := run(t, "sh", "-c", script)
		readable(t, other)
		var raw syscall.WaitStatus
		must(syscall.Wait4(pid, &raw, 0, nil))
		if got := exitOf(uint32(raw)); got != byWaitid {
			t.Errorf("%s: %+v by status, %+v by waitid", script, got, byWaitid)
		}
	}
}

// How another process's child ended is told once its parent has
// reaped it, and not before.
func TestExitInfo(t *testing.T) {
	for script, want := range map[string]service.Exit{
		"exit 3":        {Known: true, Code: 3},
		"kill -9 $$":    {Known: true, Signal: 9},
		"kill -TERM $$": {Known: true, Signal: 15},
	} {
		path, hear := fifo(t)
		_, parent := run(t, "sh", "-c", fmt.Sprintf("sh -c 'echo $$ >%s; kill -STOP $$; %s'; exec sleep 1000", path, script))
		pid := pidOf(hear())
		pidfd, err := host.openPidfd(pid)
		check(t, err)
		defer unix.Close(pidfd)
		if exit, told := host.exitInfo(pidfd); told {
			t.Errorf("%s: of a living one %+v", script, exit)
		}
		eventually(t, "it is stopped", func() bool { return must(host.statOf(pid)).state == "T" })
		check(t, host.sendSignal(pidfd, unix.SIGCONT))
		readable(t, pidfd)
		if _, err := host.endOf(pidfd); !errors.Is(err, errNotOurs) {
			t.Errorf("%s: it is ours: %v", script, err)
		}
		eventually(t, "it is reaped", func() bool { return host.isGone(pid) })
		exit, told := host.exitInfo(pidfd)
		if !told {
			unmet(t, "the kernel does not tell (it does since 6.15)")
		}
		if exit != want {
			t.Errorf("%s: %+v, want %+v", script, exit, want)
		}
		check(t, host.sendSignal(parent, unix.SIGKILL))
	}
}

// A child that has died before it was first written down, and waits to be
// reaped, is handed over all the same: how it ended is still to be had.
func TestZombieIsIdentified(t *testing.T) {
	pid, pidfd := run(t, "sh", "-c", "exit 3")
	readable(t, pidfd)
	p := &settle.Process{PID: pid, FD: pidfd}
	s := &Host{kernel: host, pid: host.getpid()}
	if !s.identify(p) || p.Start == 0 {
		t.Errorf("a zombie: %+v", p)
	}
	must(host.reap(pidfd))
	p = &settle.Process{PID: pid, FD: pidfd}
	if s.identify(p); p.Start != 0 { // what its pidfd tells is its own
		t.Errorf("reaped: %+v", p)
	}
}
