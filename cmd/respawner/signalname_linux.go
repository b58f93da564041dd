package main

import (
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// lastSignal is the kernel's _NSIG.
const lastSignal = 64

// parseSignal reads a signal as people write it: 1, HUP, SIGHUP or hup.
func parseSignal(word string) (syscall.Signal, error) {
	name := strings.ToUpper(word)
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= lastSignal {
		return syscall.Signal(n), nil
	}
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(name, "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, usagef("no such signal: %q; write a name such as HUP or USR1, or a number from 1 to %d", word, lastSignal)
}

// signalName is "9 (SIGKILL)", or the bare number of a real-time signal.
func signalName(signal int) string { return service.SignalName(signal) }

// signalWord returns a signal as the command line has it: HUP, or the number of one without a name.
func signalWord(sig syscall.Signal) string {
	if name := wordOf(int(sig)); name != "" {
		return strings.TrimPrefix(name, "SIG")
	}
	return strconv.Itoa(int(sig))
}

// wordOf is "SIGKILL"; empty for a real-time signal.
func wordOf(signal int) string { return unix.SignalName(unix.Signal(signal)) }
