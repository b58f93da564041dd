package main

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSignalName(t *testing.T) {
	for signal, want := range map[int]string{9: "9 (SIGKILL)", 15: "15 (SIGTERM)", 40: "40", 999: "999"} {
		if got := signalName(signal); got != want {
			t.Errorf("signalName(%d) = %q, want %q", signal, got, want)
		}
	}
	for signal := range lastSignal { // as they are named to be sent, they are told of
		if name := unix.SignalName(unix.Signal(signal)); name != "" && signalName(signal) != fmt.Sprintf("%d (%s)", signal, name) {
			t.Errorf("signalName(%d) = %q, but it is %s", signal, signalName(signal), name)
		}
	}
}
