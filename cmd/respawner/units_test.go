package main

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0K", 812 << 10: "812K", 999 << 10: "999K", 1000 << 10: "1.0M", 4300 << 10: "4.2M", 99 << 20: "99M",
		1 << 30: "1.0G", 1 << 40: "1.0T", 1 << 60: "1048576T",
	} {
		if got := size(bytes); got != want {
			t.Errorf("size(%d) = %q, want %q", bytes, got, want)
		}
	}
}

func TestCPUTime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.00s", 520 * time.Millisecond: "0.52s", 61 * time.Second: "1m1s", 50 * time.Hour: "2d2h",
	} {
		if got := cpuTime(d); got != want {
			t.Errorf("cpuTime(%v) = %q, want %q", d, got, want)
		}
	}
}
