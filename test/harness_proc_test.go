//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// process is one line of the machine's process table.
type process struct {
	pid, ppid, session int
	state              byte
	name               string
	started            string // in the kernel's clock ticks
}

// isSame reports whether both are one process, whatever has become of it.
func (p process) isSame(q process) bool { return p.pid == q.pid && p.started == q.started }

// processes is the machine's process table.
func processes() []process {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var all []process
	for _, path := range stats {
		if stat, err := os.ReadFile(path); err == nil {
			all = append(all, parseStat(string(stat)))
		}
	}
	return all
}

// parseStat reads "PID (NAME) STATE PPID PGRP SESSION ...".
func parseStat(stat string) process {
	open, end := strings.IndexByte(stat, '('), strings.LastIndexByte(stat, ')')
	rest := strings.Fields(stat[end+1:])
	return process{
		pid: number(stat[:open-1]), name: stat[open+1 : end], state: rest[0][0],
		ppid: number(rest[1]), session: number(rest[3]), started: rest[19],
	}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err) // the kernel's, or matched by \d+
	}
	return n
}

func lookup(pid int) (process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	return parseStat(string(stat)), true
}

// alive reports whether there is such a process that is no zombie.
func alive(pid int) bool {
	p, ok := lookup(pid)
	return ok && p.state != 'Z' && p.state != 'X'
}

// descendants are all processes below one, zombies included.
func descendants(pid int) []process {
	all := processes()
	above := []int{pid}
	var below []process
	for i := 0; i < len(above); i++ {
		for _, p := range all {
			if p.ppid == above[i] && !slices.Contains(above, p.pid) {
				above = append(above, p.pid)
				below = append(below, p)
			}
		}
	}
	return below
}

// belonging are the live processes that a test has started, itself or through
// a supervisor: they carry its mark in their environment, or are in its network.
func belonging(t *testing.T) []process {
	mark := mark(t) + "\x00"
	return slices.DeleteFunc(descendants(os.Getpid()), func(p process) bool {
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.pid)) // it may be gone
		return !strings.Contains(string(environ), mark) && !inNetwork(t, p.pid)
	})
}

func mark(t *testing.T) string {
	return fmt.Sprintf("RESPAWNER_TEST=%s@%s", t.Name(), filepath.Base(root))
}

func list(ps []process) string {
	var b strings.Builder
	for _, p := range ps {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid)) // it may be gone
		fmt.Fprintf(&b, "  %c pid %d, parent %d (%s): %s\n", p.state, p.pid, p.ppid, p.name,
			strings.ReplaceAll(string(cmdline), "\x00", " "))
	}
	return b.String()
}

// dying gives processes that are about to end a moment to do so. It returns those
// that do not.
func dying(which func() []process) []process {
	reapOrphans()
	for _, p := range which() {
		if p.state != 'Z' {
			_, _ = awaitDeath(p.pid, 2*time.Second) // what is left is asked below
		}
	}
	reapOrphans()
	return which()
}

// killAll kills by pid until no process is left: a supervisor may start another.
func killAll(which func() []process) {
	for range 100 {
		left := which()
		if len(left) == 0 {
			return
		}
		for _, p := range left {
			_ = unix.Kill(p.pid, unix.SIGKILL) // it may be gone
		}
		for _, p := range left {
			_, _ = awaitDeath(p.pid, time.Second)
		}
		reapOrphans()
	}
}

// awaitDeath waits for the end of a process, child or not.
func awaitDeath(pid int, limit time.Duration) (bool, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	return hasEnded(fd, limit)
}

// hasEnded waits for the end of the process that a pidfd was opened for.
func hasEnded(fd int, limit time.Duration) (bool, error) {
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for end := time.Now().Add(limit); ; {
		n, err := unix.Poll(poll, int(max(time.Until(end), 0)/time.Millisecond))
		if err != unix.EINTR {
			return n == 1, err
		}
	}
}

func waitDead(t *testing.T, pid int) {
	t.Helper()
	if dead, err := awaitDeath(pid, patience); err != nil || !dead {
		t.Fatalf("process %d lives on after %v (%v)", pid, patience, err)
	}
}

// kill sends a signal and, when it is KILL, waits for the death. The pid may be
// another process's right after that.
func kill(t *testing.T, pid int, sig unix.Signal) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("no process to signal: pid %d", pid)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer unix.Close(fd)
		err = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
	if err != nil {
		t.Fatalf("signal %d to pid %d: %v", sig, pid, err)
	}
	if sig != unix.SIGKILL {
		return
	}
	if dead, err := hasEnded(fd, patience); err != nil || !dead {
		t.Fatalf("process %d, which was killed, lives on after %v (%v)", pid, patience, err)
	}
}

// children are the processes that os/exec waits for; all others that come
// home to this process are reaped by reapOrphans.
var children = struct {
	sync.Mutex
	pids map[int]bool
}{pids: map[int]bool{}}

func startChild(cmd *exec.Cmd) error {
	children.Lock()
	defer children.Unlock()
	if err := cmd.Start(); err != nil {
		return err
	}
	children.pids[cmd.Process.Pid] = true
	return nil
}

func waitChild(cmd *exec.Cmd) error {
	err := cmd.Wait()
	children.Lock()
	defer children.Unlock()
	delete(children.pids, cmd.Process.Pid)
	return err
}

func reapOrphans() {
	children.Lock()
	defer children.Unlock()
	for _, p := range processes() {
		if p.ppid == os.Getpid() && p.state == 'Z' && !children.pids[p.pid] {
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil) // another call may have been first
		}
	}
}
