package main

import (
	"os"
	"testing"
	"time"
)

func TestParseProcStat(t *testing.T) {
	const stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 150 50 300 100 20 0 1 0 12345 8192 25 18446744073709551615"
	got, ok := parseProcStat([]byte(stat))
	want := procInfo{Parent: 1, Born: 123450 * time.Millisecond, CPU: 2 * time.Second, Kids: 4 * time.Second, RSS: int64(25 * os.Getpagesize())}
	if !ok || got != want {
		t.Errorf("got %+v, %v, want %+v", got, ok, want)
	}
	for _, bad := range []string{"", "7 (a) S 1", "no bracket", stat[:40] + " x x x x x x x x x x x x x x x x x x"} {
		if got, ok := parseProcStat([]byte(bad)); ok {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

// TestReadProcInfo looks at this very process.
func TestReadProcInfo(t *testing.T) {
	info := readProcInfo(os.Getpid())
	age := sinceBoot() - info.Born
	if info.RSS < 1<<20 || age < -time.Second || age > time.Hour {
		t.Errorf("%+v, age %v", info, age)
	}
	if pss, ok := readPSS(os.Getpid()); !ok || pss < 1<<20 || pss > 2*info.RSS {
		t.Errorf("pss %d, %v; rss %d", pss, ok, info.RSS)
	}
	if info := readProcInfo(-1); info != (procInfo{}) {
		t.Errorf("a process that is gone: %+v", info)
	}
}
