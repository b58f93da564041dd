package watch

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParseParent(t *testing.T) {
	const rest = " S 7 9 9 0 -1 4194560 1 0 0 0"
	tests := []struct {
		stat  string
		want  int // -1: an error
		state string
	}{
		{"42 (sleep)" + rest, 7, "S"},
		{"42 (sleep) Z 0 0 0", 0, "Z"},
		{"42 (a b)" + rest, 7, "S"},
		{"42 ()" + rest, 7, "S"},
		{"42 () R 1 ()" + rest, 7, "S"},
		{"42 () R 1 (x)" + rest, 7, "S"},
		{"42 (\n) R 1\n)" + rest, 7, "S"},
		{"42 (((((())))" + rest, 7, "S"},
		{"42 (\xff\x00)" + rest, 7, "S"},
		{"42 (x) R 4194304\n", 4194304, "R"},
		{"42 (x) R", -1, ""},
		{"42 (x)", -1, ""},
		{"42 (x) R -1", -1, ""},
		{"42 (x) R seven", -1, ""},
		{"42 (x) R 99999999999999999999", -1, ""},
		{"42 x S 7 9", -1, ""},
		{"", -1, ""},
	}
	for _, tt := range tests {
		got, state, err := parseParent([]byte(tt.stat))
		if tt.want < 0 && !errors.Is(err, errStat) || tt.want >= 0 && (err != nil || got != tt.want) || state != tt.state {
			t.Errorf("%q: got %d, %q, %v; want %d, %q", tt.stat, got, state, err, tt.want, tt.state)
		}
	}
}

// FuzzParseParent: no name that a process gives itself changes its parent.
func FuzzParseParent(f *testing.F) {
	for _, comm := range []string{"sleep", ") R 1 (", ")", "(", "a b", "\n", ") S 1 1 1", "", "\xff"} {
		f.Add([]byte(comm), uint32(7))
	}
	f.Fuzz(func(t *testing.T, comm []byte, ppid uint32) {
		want := int(ppid & 0x3fffff)
		stat := fmt.Sprintf("42 (%s) S %d 9 9 0 -1 4194560", comm, want)
		if got, _, err := parseParent([]byte(stat)); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", stat, got, err, want)
		}
		if got, _, err := parseParent(comm); err == nil && got < 0 {
			t.Errorf("%q: got %d", comm, got)
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
