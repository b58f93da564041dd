package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var outputNow = time.Date(2026, 11, 23, 22, 45, 49, 123e6, time.UTC)

func openTestOutput(t *testing.T, path string, limit int64, keep int) *outputFile {
	t.Helper()
	f, err := openOutputFile(path, limit, keep)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	return f
}

func writeLines(t *testing.T, f *outputFile, at time.Time, lines ...string) {
	t.Helper()
	var raw [][]byte
	for _, line := range lines {
		raw = append(raw, []byte(line))
	}
	if n, err := f.Write(at, raw); n != len(lines) || err != nil {
		t.Fatalf("kept %d of %d lines: %v", n, len(lines), err)
	}
}

// read is all that logs shows.
func read(t *testing.T, path string, v view) string {
	t.Helper()
	h, err := openLogFiles(path)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	if len(h.parts) == 0 {
		return ""
	}
	var out bytes.Buffer
	if err := h.print(&out, v); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// The file is appended to, and holds what the program wrote.
func TestOutputFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	for range 2 {
		f := openTestOutput(t, path, 0, 0)
		writeLines(t, f, outputNow, "plain", "", "\x1b[2J\ttab\r", "\xff\x00")
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	const p = "2026-11-23T22:45:49.123Z "
	want := strings.Repeat(p+"plain\n"+p+"\n"+p+"\x1b[2J\ttab\r\n"+p+"\xff\x00\n", 2)
	got, err := os.ReadFile(path)
	if string(got) != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&^0o640 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// Rotated files are compressed, none is too large, so many are kept, and no
// line is lost but those of files that were removed.
func TestOutputFileRotates(t *testing.T) {
	for _, keep := range []int{0, 1, 3, 1000} {
		path := filepath.Join(t.TempDir(), "x.log")
		f := openTestOutput(t, path, 4096, keep)
		const lines = 2000
		for i := range lines {
			writeLines(t, f, outputNow, fmt.Sprintf("line %d", i))
		}
		if err := f.packing.wait(); err != nil {
			t.Fatal(err)
		}
		f.packing = nil
		files, err := rotatedFiles(path)
		if err != nil || len(files) > keep || keep < 1000 && len(files) != keep {
			t.Errorf("keep %d: %d files, %v", keep, len(files), err)
		}
		for _, r := range files {
			if !r.packed {
				t.Errorf("%s is not compressed", r.path)
			}
		}
		got := strings.Split(strings.TrimSpace(read(t, path, view{Lines: allLines})), "\n")
		if keep == 1000 && len(got) != lines {
			t.Errorf("%d of %d lines", len(got), lines)
		}
		for i, line := range got {
			if want := fmt.Sprintf("2026-11-23T22:45:49.123Z line %d", lines-len(got)+i); line != want {
				t.Fatalf("keep %d: line %d is %q, want %q", keep, i, line, want)
			}
		}
		if info, err := os.Stat(path); err != nil || info.Size() > 4096 {
			t.Errorf("%d bytes, %v", info.Size(), err)
		}
	}
}

// Lines are kept whatever another process does to the file.
func TestOutputFileOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	f := openTestOutput(t, path, 4096, 2)
	writeLines(t, f, outputNow, "one")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	writeLines(t, f, outputNow, "two")
	if err := f.Reopen(); err != nil {
		t.Fatal(err)
	}
	writeLines(t, f, outputNow, strings.Repeat("3", 4000))
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	writeLines(t, f, outputNow, strings.Repeat("4", 4000)) // has place
	old, _ := os.ReadFile(path + ".1")
	if strings.Count(string(old), "\n") != 2 {
		t.Errorf("moved: %q", old)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	writeLines(t, f, outputNow, strings.Repeat("5", 4000)) // rotates what is gone
	now, _ := os.ReadFile(path)
	if files, err := rotatedFiles(path); len(files) != 0 || err != nil || len(now) != 4026 {
		t.Errorf("%v, %v, %d bytes", files, err, len(now))
	}
}

// What it costs to write lines leaves nothing for the garbage collector, which
// would let a supervisor grow.
func TestOutputFileAllocatesNothing(t *testing.T) {
	f := openTestOutput(t, filepath.Join(t.TempDir(), "x.log"), 1<<40, 1)
	lines := [][]byte{[]byte("one"), bytes.Repeat([]byte("x"), 8192), {}}
	n := testing.AllocsPerRun(100, func() {
		if _, err := f.Write(outputNow, lines); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A write that fails in the middle of a line loses that line and those after it.
func TestOutputFileTorn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	f := openTestOutput(t, path, 0, 0)
	f.torn = true
	writeLines(t, f, outputNow, "whole")
	if got, _ := os.ReadFile(path); string(got) != "\n2026-11-23T22:45:49.123Z whole\n" || f.torn {
		t.Errorf("got %q", got)
	}
}

func TestOutputFileErrors(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                     "is a directory: name a file",
		os.DevNull:              "is a device: name a file",
		dir + "/none/x.log":     "no such file",
		"/proc/self/comm/x.log": "not a directory",
	} {
		if f, err := openOutputFile(path, 0, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", path, f, err)
		}
	}
}

// A clock that jumps back does not mix the order up.
func TestRotatedName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	var names []string
	for _, at := range []time.Time{outputNow, outputNow, outputNow.Add(-time.Hour), outputNow.Add(time.Second)} {
		name, err := rotatedName(path, at)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(name))
	}
	want := "x.log.20261123T224549.123Z x.log.20261123T224549.124Z x.log.20261123T224549.125Z x.log.20261123T224550.123Z"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got %s", got)
	}
}

// history is a log of 60 lines, a minute apart, over four files, of which
// some are compressed.
func writeHistory(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.log")
	f := openTestOutput(t, path, 0, 5)
	for i := range 60 {
		if i > 0 && i%15 == 0 {
			f.limit = 1
		}
		writeLines(t, f, outputNow.Add(time.Duration(i)*time.Minute), fmt.Sprint("line ", i))
		f.limit = 0
	}
	if err := f.packing.wait(); err != nil {
		t.Fatal(err)
	}
	f.packing = nil
	return path
}

func TestLogFiles(t *testing.T) {
	path := writeHistory(t)
	for n := range 63 {
		got := read(t, path, view{Lines: n})
		if strings.Count(got, "\n") != min(n, 60) || n > 0 && !strings.HasSuffix(got, "line 59\n") {
			t.Fatalf("the last %d lines: %q", n, got)
		}
		since := read(t, path, view{Lines: allLines, Since: outputNow.Add(time.Duration(60-n) * time.Minute)})
		if since != got {
			t.Fatalf("since %d minutes: %q, want %q", n, since, got)
		}
	}
	if got := read(t, path, view{Lines: 50, Since: outputNow.Add(50 * time.Minute)}); strings.Count(got, "\n") != 10 {
		t.Errorf("both: %q", got)
	}
	if got := read(t, path, view{Lines: 2, Since: outputNow}); strings.Count(got, "\n") != 2 {
		t.Errorf("both: %q", got)
	}
}

func TestLineCutter(t *testing.T) {
	var got []string
	c := lineCutter{each: func(line []byte) error { got = append(got, shown(string(line))); return nil }}
	long := strings.Repeat("x", maxShown)
	for _, text := range []string{"a\tb\x1b[2J\nhal", "f\n\n\xff\r", "rest\n" + long, "y", "z\n", long + "\nend"} {
		if n, err := io.WriteString(&c, text); n != len(text) || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	if err := errors.Join(c.end(), c.end()); err != nil {
		t.Error(err)
	}
	if want := []string{"a\tb\\x1b[2J", "half", "", "\\xff\\rrest", long + "…", "yz", long, "end"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOutputOptions(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "/d")
	t.Chdir("/")
	for in, want := range map[string]func(*options){
		"start x --output syslog":    func(o *options) { o.Output = outputSyslog },
		"start x --output none":      func(o *options) { o.Output = outputNone },
		"start x --output f":         func(o *options) { o.Output = "/f" },
		"start x --output-size 0":    func(o *options) { o.OutputSize = 0 },
		"start x --output-size 4096": func(o *options) { o.OutputSize = 4096 },
		"start x --output-size 512k": func(o *options) { o.OutputSize = 512 << 10 },
		"start x --output-size 2G":   func(o *options) { o.OutputSize = 2 << 30 },
		"start x --output-keep=0":    func(o *options) { o.OutputKeep = 0 },
		"start x -n 3":               func(o *options) { o.RespawnLimit = 3 },
	} {
		expect := defaults()
		want(&expect)
		got, err := parse(words(in)...)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(expect) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", in, got, err, expect)
		}
	}
}

func TestLogsOptions(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "/d")
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.Local)
	for in, want := range map[string]view{
		"logs x":                        {Lines: defaultLines},
		"logs -n 3 x":                   {Lines: 3},
		"-n all logs x":                 {Lines: allLines},
		"logs x -fn0":                   {Follow: true},
		"logs x --since 2026-11-23":     {Lines: allLines, Since: day},
		"logs x -n1 --since=2026-11-23": {Lines: 1, Since: day},
		"logs x --until 2026-11-23":     {Lines: allLines, Until: day},
	} {
		if got, err := parse(words(in)...); err != nil || got.View != want || got.Name != "x" || got.OutputDir != "/d/log" {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", in, got, err, want)
		}
	}
}

func TestOutputOptionErrors(t *testing.T) {
	for in, want := range map[string]string{
		"start x --output=":                          "--output needs a value",
		"start x --output-size -1":                   `bad --output-size "-1"`,
		"start x --output-size 1":                    "at least 4K",
		"start x --output-size M":                    `bad --output-size "M"`,
		"start x --output-size 10T":                  `bad --output-size "10T"`,
		"start x --output-size 99999999999999999999": "bad --output-size",
		"start x --output-size 9999999G":             "bad --output-size",
		"start x --output-keep -1":                   `bad --output-keep "-1"`,
		"start x --output-keep 1001":                 `bad --output-keep "1001"`,
		"start x -f":                                 "option -f does not belong to start",
		"wait x --since 1h":                          "option --since does not belong to wait",
		"reset x --lines 1":                          "option --lines does not belong to reset",
		"logs x --until x":                           `bad --until "x"`,
		"logs x --grep (":                            `bad --grep "("`,
		"logs x -f --until now":                      "--until and -f exclude each other",
		"logs x -n -1":                               `bad --lines "-1"`,
		"logs x --since tomorrow":                    `bad --since "tomorrow"`,
		"logs x --since -1h":                         `bad --since "-1h"`,
		"logs x --json":                              "option --json does not belong to logs",
	} {
		_, err := parse(words(in)...)
		wantUsageError(t, in, err, want)
	}
}

func TestDefaultOutput(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "")
	t.Setenv("HOME", "/home/u")
	for state, want := range map[string]string{"": "/home/u/.local/state/respawner", "rel": "/home/u/.local/state/respawner", "/s": "/s/respawner"} {
		t.Setenv("XDG_STATE_HOME", state)
		if os.Geteuid() == 0 {
			want = "/var/log/respawner"
		}
		if o, err := parse("start", "x"); o.keptOutput("x") != want+"/x.log" || err != nil {
			t.Errorf("%s, %v; want %s", o.keptOutput("x"), err, want)
		}
	}
}
