//go:build linux

package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A program that writes without end fills files of bounded size, compressed,
// and not a line of it is lost or in the wrong place.
func TestOutputFlood(t *testing.T) {
	t.Parallel()
	const lines = 400_000
	s := newShell(t, fmt.Sprintf(`seq 1 %d; echo done; exec sleep 300`, lines))
	st := s.start("--output-size", "256K", "--output-keep", "1000")
	s.kept().waitFor(`done$`, 1)
	s.stop()
	plain, err := filepath.Glob(s.kept().path + "*")
	if err != nil || len(plain) < 10 {
		t.Fatalf("files: %v, %v", plain, err)
	}
	for _, path := range plain {
		info, err := os.Stat(path)
		if err != nil || info.Size() > 256<<10 || info.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	packed, _ := filepath.Glob(s.kept().path + "*.gz")
	if len(packed) < len(plain)-3 { // the last ones are compressed after the next rotation
		t.Errorf("%d of %d are compressed", len(packed), len(plain))
	}
	got := s.logs("-n", "all")
	if len(got) != lines+1 {
		t.Fatalf("%d lines", len(got))
	}
	for i, line := range got[:lines] {
		if number(line) != i+1 {
			t.Fatalf("line %d is %q", i+1, line)
		}
	}
	if alive(st.SupervisorPID) {
		t.Error("the supervisor lives on")
	}
}

// A supervisor that has nothing to do is not woken for its output.
func TestQuietOutputCostsNothing(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo begun; exec sleep 300`)
	st := s.start()
	s.kept().waitFor(`begun`, 1)
	eventually(t, "a second without a wakeup", func() bool {
		before := switches(t, st.SupervisorPID)
		time.Sleep(time.Second) // what is measured
		return switches(t, st.SupervisorPID) == before
	})
	s.stop()
}

// switches counts how often the threads of a process were woken or put off.
func switches(t *testing.T, pid int) (sum int) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may be gone
		for _, count := range matches(`voluntary_ctxt_switches:\s+(\d+)$`, string(text)) {
			sum += number(strings.TrimSpace(count[1]))
		}
	}
	return sum
}
