package watch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// fields are those of a line of /proc/PID/stat after the parent's pid.
const fields = " 9 9 0 -1 4194560 1 0 0 0 5 6 7 8 20 0 1 0 1234 0 0"

func TestParseStat(t *testing.T) {
	good := func(ppid int, state string) procStat { return procStat{state, ppid, 12340 * time.Millisecond} }
	for line, want := range map[string]procStat{
		"42 (sleep) S 7" + fields:          good(7, "S"),
		"42 (sleep) Z 0" + fields:          good(0, "Z"),
		"42 (a b) S 7" + fields + " 1 2 3": good(7, "S"),
		"42 () S 7" + fields:               good(7, "S"),
		"42 () R 1 () S 7" + fields:        good(7, "S"),
		"42 (\n) R 1\n) S 7" + fields:      good(7, "S"),
		"42 (((((()))) S 7" + fields:       good(7, "S"),
		"42 (\xff\x00) S 7" + fields:       good(7, "S"),
		"42 (x) R 4194304" + fields:        good(4194304, "R"),
	} {
		if got, err := parseStat([]byte(line)); err != nil || got != want {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{
		"", "42 (x)", "42 (x) R", "42 (x) R 7", "42 x S 7" + fields, "42 (x) R -1" + fields, "42 (x) R seven" + fields,
		"42 (x) R 99999999999999999999" + fields,
		"42 (x) R 7" + strings.Replace(fields, "1234", "-1", 1),
		"42 (x) R 7" + strings.Replace(fields, "1234", "9223372036854775807", 1),
		"42 (x) R 7" + strings.TrimSuffix(fields, " 1234 0 0"),
	} {
		if got, err := parseStat([]byte(line)); !errors.Is(err, errStat) || got != (procStat{}) {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
}

// FuzzParseStat: no name that a process gives itself changes its parent.
func FuzzParseStat(f *testing.F) {
	for _, comm := range []string{"sleep", ") R 1 (", ")", "(", "a b", "\n", ") S 1 1 1", "", "\xff"} {
		f.Add([]byte(comm), uint32(7))
	}
	f.Fuzz(func(t *testing.T, comm []byte, ppid uint32) {
		want := int(ppid & 0x3fffff)
		stat := fmt.Sprintf("42 (%s) S %d%s", comm, want, fields)
		if got, err := parseStat([]byte(stat)); err != nil || got.ppid != want {
			t.Errorf("%q: got %+v, %v; want %d", stat, got, err, want)
		}
		if got, err := parseStat(comm); err == nil && (got.ppid < 0 || got.start < 0) {
			t.Errorf("%q: got %+v", comm, got)
		}
	})
}

func TestParseChildren(t *testing.T) {
	tests := []struct {
		in   string
		want []int
	}{
		{"", nil}, {"\n", nil}, {"7 ", []int{7}}, {"7 8 4194304 ", []int{7, 8, 4194304}}, {"7\n8", []int{7, 8}},
		{"0 -1 7 x 9999999999999999999 8x", []int{7}},
	}
	for _, tt := range tests {
		if got := parseChildren([]byte(tt.in)); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.in, got, tt.want)
		}
	}
}

// FuzzParseChildren: only pids, and all that were written come back.
func FuzzParseChildren(f *testing.F) {
	f.Add([]byte("1 2 3 "))
	f.Add([]byte("-1 0 x\x00 99999999999999999999"))
	f.Fuzz(func(t *testing.T, b []byte) {
		pids := parseChildren(b)
		if slices.ContainsFunc(pids, func(pid int) bool { return pid <= 0 }) || len(pids) > len(bytes.Fields(b)) {
			t.Errorf("%q: %v", b, pids)
		}
		text := strings.Trim(fmt.Sprint(pids), "[]")
		if again := parseChildren([]byte(text)); !slices.Equal(again, pids) {
			t.Errorf("%v came back as %v", pids, again)
		}
	})
}
