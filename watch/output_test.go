package watch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// split is splitLines over reads of some size.
func split(text []byte, read int) (lines []string, rest string) {
	var held []byte
	for len(text) > 0 {
		n := min(read, len(text))
		held = append(held, text[:n]...)
		text = text[n:]
		left := splitLines(held, func(line []byte, cut bool) {
			if cut {
				line = append(bytes.Clone(line), ellipsis...)
			}
			lines = append(lines, string(line))
		})
		held = held[:copy(held, left)]
	}
	return lines, string(held)
}

func TestSplitLines(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	tests := []struct {
		text  string
		lines []string
		rest  string
	}{
		{"", nil, ""},
		{"\n", []string{""}, ""},
		{"a", nil, "a"},
		{"a\n\r\n\x00\x1b\nb", []string{"a", "\r", "\x00\x1b"}, "b"},
		{long, nil, long},
		{long + "\n", []string{long}, ""},
		{long + "y", []string{long + ellipsis}, "y"},
		{long + "y\nz", []string{long + ellipsis, "y"}, "z"},
		{long + long + "\n", []string{long + ellipsis, long}, ""},
	}
	for _, tt := range tests {
		for _, read := range []int{1, 7, maxLine - 1, maxLine, maxLine + 1, 1 << 20} {
			lines, rest := split([]byte(tt.text), read)
			if !slices.Equal(lines, tt.lines) || rest != tt.rest {
				t.Errorf("%.20q (%d bytes) by %d: %d lines, rest of %d", tt.text, len(tt.text), read, len(lines), len(rest))
			}
		}
	}
}

// FuzzSplitLines: nothing is lost or added but newlines, no piece is longer than
// allowed, and how the text was cut into reads makes no difference.
func FuzzSplitLines(f *testing.F) {
	f.Add([]byte("a\nb"), 1)
	f.Add([]byte(strings.Repeat("x", maxLine+1)+"\n\n"), 100)
	f.Fuzz(func(t *testing.T, text []byte, read int) {
		text = bytes.Replace(text, []byte("long"), bytes.Repeat([]byte("l"), maxLine), 2)
		read = 1 + len(text)/64 + max(0, read%(2*maxLine)) // by single bytes a long line takes as long as a thousand others
		lines, rest := split(text, read)
		whole, wholeRest := split(text, len(text)+1)
		if !slices.Equal(lines, whole) || rest != wholeRest {
			t.Fatalf("by %d: %q %q, else %q %q", read, lines, rest, whole, wholeRest)
		}
		for i, line := range lines {
			if len(line) > maxLine {
				lines[i] = strings.TrimSuffix(line, ellipsis)
			}
		}
		if got := strings.Join(lines, "") + rest; got != strings.ReplaceAll(string(text), "\n", "") {
			t.Fatalf("%q became %q", text, got)
		}
		for _, line := range append(lines, rest) {
			if len(line) > maxLine {
				t.Fatalf("a piece of %d bytes", len(line))
			}
		}
	})
}

func TestTail(t *testing.T) {
	var last tail
	for i := range 9 {
		last.add(time.Unix(int64(i), 0), []byte(fmt.Sprintf("%d%s", i, strings.Repeat("x", i*50))))
	}
	var want []string
	for i := 4; i < 9; i++ {
		line := fmt.Sprint(i) + strings.Repeat("x", i*50)
		if len(line) > 200 {
			line = line[:200] + "…"
		}
		want = append(want, line)
	}
	for i := range lastLines {
		if got := last.since(time.Unix(int64(4+i), 0)); !slices.Equal(got, want[i:]) {
			t.Errorf("since %d: got %q, want %q", 4+i, got, want[i:])
		}
	}
	if got := last.since(time.Unix(9, 0)); len(got) > 0 {
		t.Errorf("got %q, want none", got)
	}
}
