package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// effort is what a process did up to a moment.
type effort struct {
	cpu      time.Duration
	switches map[string]int // of each thread
}

// effortOf reads it. The CPU time is that of the process's own clock, to the nanosecond; /proc has it in ticks.
func effortOf(pid int) (effort, error) {
	var ts unix.Timespec
	cpuClock := int32(^pid<<3 | 2) // clock_getcpuclockid(3); 2 is CPUCLOCK_SCHED
	if err := unix.ClockGettime(cpuClock, &ts); err != nil {
		return effort{}, fmt.Errorf("the CPU clock of %d: %w", pid, err)
	}
	e := effort{time.Duration(ts.Nano()), map[string]int{}}
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	for _, task := range tasks {
		counts, failed := fields(task + "/status")
		err = errors.Join(err, failed)
		e.switches[task] = counts["voluntary_ctxt_switches"] + counts["nonvoluntary_ctxt_switches"]
	}
	return e, err
}

// since is what was done since an earlier moment.
func (e effort) since(before effort) (cpu time.Duration, switches int) {
	for task, n := range e.switches {
		switches += n - before.switches[task]
	}
	return e.cpu - before.cpu, switches
}

// usage is what a process holds, in kB.
type usage struct {
	anonymous, rss, threads int
}

func usageOf(pid int) (usage, error) {
	memory, err1 := fields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	state, err2 := fields(fmt.Sprintf("/proc/%d/status", pid))
	return usage{memory["Anonymous"], memory["Rss"], state["Threads"]}, errors.Join(err1, err2)
}

// fields reads those lines of a file in /proc that are a name and a number.
func fields(file string) (map[string]int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	found := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		var n int
		if _, err := fmt.Sscan(value, &n); err == nil {
			found[name] = n
		}
	}
	return found, nil
}

// onlyChild is the pid of a process's one child.
func onlyChild(pid int) (int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	var all string
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			return 0, err
		}
		all += string(text)
	}
	var child int
	if n := len(strings.Fields(all)); n != 1 {
		return 0, fmt.Errorf("process %d has %d children", pid, n)
	}
	_, err = fmt.Sscan(all, &child)
	return child, err
}

// kernel is the name of the kernel and its version.
func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "an unknown kernel"
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}
