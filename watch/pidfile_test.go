package watch

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParsePidfile(t *testing.T) {
	tests := []struct {
		in   string
		pid  int
		want string // of the error
	}{
		{"42", 42, ""},
		{"42\n", 42, ""},
		{"  42 \r\n", 42, ""},
		{"42\nsecond line, as postmaster.pid has it\n", 42, ""},
		{"42\n" + strings.Repeat("x", 61), 42, ""},
		{"4194304\n", 4194304, ""},
		{"0000000042\n", 42, ""},

		{"", 0, "is empty"},
		{" \n\n\t", 0, "is empty"},
		{"0\n", 0, "names pid 0"},
		{"1\n", 0, "names pid 1"},
		{"-1\n", 0, "names pid -1"},
		{"-42", 0, "names pid -42"},
		{"\n42\n", 0, "does not begin with a line that is a pid"},
		{"42 43\n", 0, "does not begin"},
		{"42x\n", 0, "does not begin"},
		{"0x2a\n", 0, "does not begin"},
		{"4_2\n", 0, "does not begin"},
		{"42.0\n", 0, "does not begin"},
		{"pid: 42\n", 0, "does not begin"},
		{"2147483648\n", 0, "does not begin"},
		{"99999999999999999999\n", 0, "does not begin"},
		{"\x7fELF\x02\x01\x01", 0, "does not begin"},
		{"42\x00", 0, "does not begin"},
		{strings.Repeat(" ", pidfileSize-2) + "42", 0, "does not begin"}, // may go on as 421
		{strings.Repeat("4", pidfileSize), 0, "does not begin"},
	}
	for _, tt := range tests {
		pid, err := parsePidfile([]byte(tt.in))
		switch {
		case tt.want == "" && (err != nil || pid != tt.pid):
			t.Errorf("%q: got %d, %v; want %d", tt.in, pid, err, tt.pid)
		case tt.want != "" && (err == nil || pid != 0 || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%q: got %d, %v; want %q", tt.in, pid, err, tt.want)
		case errors.Is(err, errPidfileEmpty) != (tt.want == "is empty"):
			t.Errorf("%q: %v: only an empty file may yet become one", tt.in, err)
		}
	}
}

// FuzzParsePidfile: never a pid that can't be a process's, and none but
// what stands in the first line.
func FuzzParsePidfile(f *testing.F) {
	for _, seed := range []string{"42\n", "-1", "0", "1\n", " 7 \r\n", "", "\n\n", "4_2", "+5\n", "42\x0043", "9999999999", "\u00a05\u0085\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		pid, err := parsePidfile(b)
		if (pid > 1) != (err == nil) || err != nil && pid != 0 {
			t.Fatalf("%q: %d, %v", b, pid, err)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: more than a line: %q", b, err)
		}
		first, _, _ := strings.Cut(string(b), "\n")
		if err == nil && !strings.Contains(first, fmt.Sprint(pid)) {
			t.Errorf("%q: %d is not in the first line", b, pid)
		}
	})
}
