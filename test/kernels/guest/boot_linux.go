package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"respawner/test/kernels/plan"
)

// boot makes of the bare kernel what programs expect of a Linux machine, and has the plan run.
func boot() error {
	if err := os.Chmod("/", 0o755); err != nil { // all users may write into that of an initramfs
		return err
	}
	if err := mountAll(); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	results, err := os.OpenFile(plan.Results, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	runner := exec.Command("/proc/self/exe", roleRunner)
	runner.Stdout, runner.Stderr = results, os.Stderr
	runner.Env = []string{"PATH=/bin", "HOME=/tmp", "LANG=C.UTF-8"}
	if err := runner.Start(); err != nil {
		return err
	}
	return reapUntil(runner.Process.Pid)
}

// mounts are those of any Linux machine.
var mounts = []struct {
	kind, at, options string
}{
	{"devtmpfs", "/dev", "mode=0755"},
	{"proc", "/proc", ""},
	{"sysfs", "/sys", ""},
	{"tmpfs", "/dev/shm", "mode=1777"},
	{"devpts", "/dev/pts", "mode=0620,ptmxmode=0666"},
	{"tmpfs", "/tmp", "mode=1777"},
	{"tmpfs", "/run", "mode=0755"},
	{"cgroup2", "/sys/fs/cgroup", ""},
}

func mountAll() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, unix.MS_NOSUID, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for at, to := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2"} {
		if err := os.Symlink(to, at); err != nil {
			return err
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return os.NewSyscallError("SIOCSIFFLAGS", unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}

// reapUntil does what init is for, until a child of ours has ended.
func reapUntil(child int) error {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return os.NewSyscallError("wait4", err)
		case pid == child && (status.ExitStatus() != 0 || status.Signaled()):
			return fmt.Errorf("the runner has failed: %#x", status)
		case pid == child:
			return nil
		}
	}
}
