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

// cmdline returns the command line of a process, with blanks between its words. For a
// process without one (a zombie, a kernel thread) it returns the name in brackets.
// For a process that is gone it returns "". For a process that keeps its memory locked it returns the
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

// readProc returns a small file of /proc. It returns nothing for a file that cannot be read,
// since its process may end at any time.
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
