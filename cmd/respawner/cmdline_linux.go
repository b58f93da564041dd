package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// maxCmdline is how much of a command line is read: far more than is shown,
// since hostile ones may be huge.
const maxCmdline = 4096

// cmdline is the command line of a process, blanks between its words. For a
// process without one (a zombie, a kernel thread) it is its name in brackets,
// and empty for one that is gone. Of one that keeps its memory locked it is the
// executable.
func cmdline(pid int) string {
	line, answered := readMemory(pid, "cmdline", linePatience)
	switch {
	case !answered:
		return fileOf(pid)
	case len(line) > 0:
		return string(bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
	}
	if name := readProc(pid, "comm"); len(name) > 0 {
		return "[" + string(name) + "]"
	}
	return ""
}

// readProc reads a small file of /proc; one that cannot be read is as good as
// empty, since its process may end at any time.
func readProc(pid int, file string) []byte {
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return nil
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxCmdline))
	if err != nil {
		return nil
	}
	return bytes.TrimRight(content, "\x00\n")
}
