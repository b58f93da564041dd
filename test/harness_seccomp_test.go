//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Some tests need a program that does what no shell can: it is this very
// binary, told by its environment which of these to be.
const envHelper = "RESPAWNER_TEST_HELPER"

var helpers = map[string]func(args []string) error{
	"crowd":   beCrowd,
	"seccomp": execFiltered,
}

// beHelper is all that this process does when it is one of them.
func beHelper() {
	help, ok := helpers[os.Getenv(envHelper)]
	if !ok {
		return
	}
	err := os.Unsetenv(envHelper)
	if err == nil {
		err = help(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(99)
	}
	os.Exit(0)
}

// filter is a sandbox: a seccomp filter that answers some system calls with an
// errno, as container runtimes have one.
type filter map[uintptr]unix.Errno

// under has a command run under a filter.
func (f filter) under(t *testing.T, cmd *exec.Cmd) *exec.Cmd {
	t.Helper()
	self, err := selfCopy()
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for call, errno := range f {
		rules = append(rules, fmt.Sprintf("%d:%d", call, errno))
	}
	filtered := exec.Command(self, append([]string{strings.Join(rules, " ")}, cmd.Args...)...)
	filtered.Env = append(cmd.Env, envHelper+"=seccomp")
	filtered.Dir, filtered.WaitDelay = cmd.Dir, cmd.WaitDelay
	return filtered
}

// execFiltered is the helper: "CALL:ERRNO ..." PROGRAM ARGS...
func execFiltered(args []string) error {
	program := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}} // seccomp_data.nr
	for _, rule := range strings.Fields(args[0]) {
		var call, errno uint32
		if _, err := fmt.Sscanf(rule, "%d:%d", &call, &errno); err != nil {
			return err
		}
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: call, Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | errno})
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	runtime.LockOSThread() // the filter is this thread's, and that of the program it execs
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&f)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(args[1], args[1:], os.Environ())
}
