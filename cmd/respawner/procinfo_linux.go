package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of times in /proc/PID/stat: the kernel's USER_HZ, which
// is 100 on each architecture that Go knows.
const clockTick = time.Second / 100

// procInfo is what /proc tells of a process. Born is 0 for a process that is gone.
type procInfo struct {
	Parent int           // 0 for none that can be seen
	Born   time.Duration // since boot
	CPU    time.Duration // its own, user and system
	Kids   time.Duration // CPU time of its children that it has waited for
	RSS    int64         // resident memory, in bytes; shared pages are counted for each process
}

// readProcInfo reads /proc/PID/stat.
func readProcInfo(pid int) procInfo {
	info, _ := parseProcStat(readProc(pid, "stat"))
	return info
}

// parseProcStat takes /proc/PID/stat apart (proc_pid_stat(5)); a name in it
// may have blanks and brackets.
func parseProcStat(stat []byte) (procInfo, bool) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	const state = 3 // the number of the first field after the name
	if len(fields) <= 24-state {
		return procInfo{}, false
	}
	var bad error
	number := func(field int) int64 {
		n, err := strconv.ParseInt(string(fields[field-state]), 10, 64)
		if err != nil {
			bad = err
		}
		return n
	}
	info := procInfo{
		Parent: int(number(4)),
		Born:   time.Duration(number(22)) * clockTick,
		CPU:    time.Duration(number(14)+number(15)) * clockTick,
		Kids:   time.Duration(number(16)+number(17)) * clockTick,
		RSS:    number(24) * int64(os.Getpagesize()),
	}
	return info, bad == nil
}

// sinceBoot is the clock that Born is told by.
func sinceBoot() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// readPSS returns a process's proportional set size, in bytes: shared pages are
// divided by the number of processes that have them (Pss of /proc/PID/smaps_rollup, Linux 4.14).
// Only root and the process's own user can read it.
func readPSS(pid int) (int64, bool) {
	rows, _ := readMemory(pid, "smaps_rollup", pssPatience)
	for row := range bytes.Lines(rows) {
		var kib int64
		if n, _ := fmt.Sscanf(string(row), "Pss: %d kB", &kib); n == 1 {
			return kib << 10, true
		}
	}
	return 0, false
}
