package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"respawner/watch/control"
)

// FuzzValues: whatever is given for an option is refused in one line, as a
// mistake in use, or is within the bounds and means the same when it is written
// out again.
func FuzzValues(f *testing.F) {
	for _, seed := range []string{
		"0", "5", "0.25", "1m30s", "-1", "+1", "NaN", "Inf", "1e300", "0x1p4", "315360000", "315360000.1", "87600h", "1e-9",
		"4K", "10m", "1G", "1048576G", "9223372036854775807", "4095", "k", "0,1", "1, 0 ,1", ",", "256", "HUP", "sigkill", "64", "65",
		"SIGSIGHUP", "all", "2026-11-23 22:00", "2026-11-23T22:00:00+14:00", "10m\n", "\xff", "1_000", "ΣIGHUP",
	} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 23, 22, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		refused := func(what string, err error) bool {
			if usage := new(usageError); err != nil && (!errors.As(err, usage) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%s of %q: %v", what, s, err)
			}
			return err != nil
		}
		if d, err := parseSeconds("x", s); !refused("seconds", err) {
			again, err := parseSeconds("x", d.String())
			if d < 0 || d > maxWait || err != nil || again != d {
				t.Errorf("%q is %v, then %v, %v", s, d, again, err)
			}
		}
		if n, err := parseSize(s); !refused("size", err) {
			again, err := parseSize(strconv.FormatInt(n, 10))
			if n != 0 && (n < minOutputSize || n > maxOutputSize) || err != nil || again != n {
				t.Errorf("%q is %d bytes, then %d, %v", s, n, again, err)
			}
		}
		if list, err := parseStatuses(s); !refused("statuses", err) {
			text := strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
			again, err := parseStatuses(text)
			if len(list) == 0 || list[0] < 0 || list[len(list)-1] > 255 || !slices.IsSorted(list) || err != nil || !slices.Equal(again, list) {
				t.Errorf("%q is %v, then %v, %v", s, list, again, err)
			}
		}
		if n, err := parseCount("x", s); !refused("count", err) && (n < 0 || n > maxLimit) {
			t.Errorf("%q is %d", s, n)
		}
		if n, err := parseLines(s); !refused("lines", err) && n < 0 && s != "all" {
			t.Errorf("%q is %d", s, n)
		}
		if sig, err := parseSignal(s); !refused("signal", err) {
			name := strings.Trim(strings.TrimPrefix(signalName(int(sig)), strconv.Itoa(int(sig))+" "), "()")
			if again, err := parseSignal(name); sig < 1 || sig > 64 || err != nil || again != sig {
				t.Errorf("%q is %d, %s, then %d, %v", s, sig, name, again, err)
			}
		}
		if at, err := parseWhen(flagSince, s, now); !refused("since", err) {
			if again, err := parseWhen(flagSince, at.Format(time.RFC3339), now); at.Year() > 0 && at.Year() < 10000 &&
				(err != nil || !again.Equal(at.Truncate(time.Second))) {
				t.Errorf("%q is %v, then %v, %v", s, at, again, err)
			}
		}
	})
}

// FuzzUnits: a duration or a size in words is short, and of the right order.
func FuzzUnits(f *testing.F) {
	for _, n := range []int64{0, -1, 1, 59_999_999_999, 60_000_000_000, 999 << 10, 1023<<10 + 1023, 1 << 40, math.MaxInt64, math.MinInt64} {
		f.Add(n)
	}
	f.Fuzz(func(t *testing.T, n int64) {
		d := time.Duration(n)
		for _, text := range []string{oneWord(span(d)), oneWord(describeWait(d)), cpuTime(max(0, d))} {
			back, err := time.ParseDuration(strings.Replace(text, "d", "h", 1))
			if len(text) > 12 || err != nil && !strings.Contains(text, "d") || back < 0 {
				t.Errorf("%d is %q", n, text)
			}
		}
		if n >= 0 && n < 100<<40 && len(size(n)) > 5 {
			t.Errorf("%d bytes are %q", n, size(n))
		}
	})
}

// FuzzNames: a pattern finds what is known, each once and in order, and nothing
// that is no name; a name is one for a file, a line of a log and a terminal.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"web web1\nweb*", "a b\n? a *", "[\n[", "\\a a\n\\a", "..\n*", "-x .y\n?x ?y", "x\ny", "\xff\n*"} {
		known, words, _ := strings.Cut(seed, "\n")
		f.Add(known, words)
	}
	f.Fuzz(func(t *testing.T, list, asked string) {
		known, words := strings.Fields(list), strings.Fields(asked)
		for _, name := range known {
			if nameFault(name) == "" && (filepath.Base(name) != name || printable(name) != name || len(name) > maxNameLen || name[0] == '-') {
				t.Errorf("%q is said to be a name", name)
			}
		}
		names, err := expand(known, words)
		if err != nil {
			if strings.Contains(printable(err.Error()), "\n") || !slices.ContainsFunc(words, isPattern) {
				t.Errorf("%q among %q: %v", words, known, err)
			}
			return
		}
		for i, name := range names {
			matched := slices.Contains(known, name) && nameFault(name) == ""
			if slices.Contains(names[:i], name) || !matched && !slices.Contains(words, name) {
				t.Errorf("%q among %q: %q", words, known, names)
			}
		}
		if again, err := expand(known, slices.DeleteFunc(slices.Clone(names), isPattern)); err == nil && !slices.ContainsFunc(names, isPattern) && !slices.Equal(again, names) {
			t.Errorf("%q among %q is %q, then %q", words, known, names, again)
		}
	})
}

// FuzzLogFiles: the last lines of a log are those of all its files together,
// however they were cut and compressed.
func FuzzLogFiles(f *testing.F) {
	f.Add([]byte("a\nb\n|c\n|d"), uint8(2), uint8(1))
	f.Add([]byte("|\n\n|\x00\xff\nlong\nx\n|"), uint8(3), uint8(2))
	f.Add([]byte("one\n|two\n|three\n"), uint8(0), uint8(3))
	f.Add([]byte("no end"), uint8(1), uint8(0))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, n, packed uint8) {
		text = bytes.Replace(text, []byte("long"), bytes.Repeat([]byte("l"), 70_000), 1)
		parts := bytes.SplitN(text, []byte("|"), 4)
		for i := range parts[:len(parts)-1] { // a file is rotated at the end of a line
			parts[i] = append(bytes.TrimRight(parts[i], "\n"), '\n')
		}
		path := filepath.Join(dir, "x.log")
		writeParts(t, path, parts, packed)
		lines := bytes.SplitAfter(bytes.Join(parts, nil), []byte("\n"))
		if len(lines[len(lines)-1]) == 0 {
			lines = lines[:len(lines)-1]
		}
		want := string(bytes.Join(lines[max(0, len(lines)-int(n)):], nil))
		if got := read(t, path, view{Lines: int(n)}); got != want {
			t.Errorf("the last %d of %.200q: %.200q, want %.200q", n, parts, got, want)
		}
		if got := read(t, path, view{Lines: allLines}); got != string(bytes.Join(parts, nil)) {
			t.Errorf("all of %.200q: %.200q", parts, got)
		}
	})
}

// writeParts makes a log of files, the last of which is current; those whose
// bit is set in packed are compressed.
func writeParts(t *testing.T, path string, parts [][]byte, packed uint8) {
	t.Helper()
	old, err := filepath.Glob(path + "*")
	for _, file := range old {
		err = errors.Join(err, os.Remove(file))
	}
	for i, part := range parts {
		name := path + "." + outputNow.Add(time.Duration(i)*time.Second).UTC().Format(rotatedLayout)
		switch {
		case i == len(parts)-1:
			name = path
		case packed>>i&1 == 1:
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, e := z.Write(part)
			err = errors.Join(err, e, z.Close())
			name, part = name+packedSuffix, b.Bytes()
		}
		err = errors.Join(err, os.WriteFile(name, part, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzScreen: what a program has written does nothing to a terminal, and how it
// was cut into writes makes no difference.
func FuzzScreen(f *testing.F) {
	f.Add([]byte("a\tb\x1b[2J\nhalf"), uint8(3))
	f.Add([]byte("\xe2\x80\xae\xff\r\n\n\n"), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, cut uint8) {
		screen := func(each int) (string, []line) {
			var out bytes.Buffer
			tail := &lineTail{}
			s := lineCutter{each: func(line []byte) error {
				_, err := fmt.Fprintln(&out, shown(string(line)))
				return err
			}}
			for part := range slices.Chunk(text, each) {
				if _, err := s.Write(part); err != nil {
					t.Fatal(err)
				}
				_, _ = tail.Write(part)
			}
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
			tail.end()
			return out.String(), tail.lines
		}
		shown, tail := screen(1 + int(cut))
		whole, wholeTail := screen(len(text) + 1)
		if shown != whole || fmt.Sprint(tail) != fmt.Sprint(wholeTail) {
			t.Errorf("%q by %d: %q, %q; else %q, %q", text, 1+int(cut), shown, tail, whole, wholeTail)
		}
		if bare := strings.NewReplacer("\n", "", "\t", "").Replace(shown); printable(bare) != bare || len(tail) > topLogLines {
			t.Errorf("%q is shown as %q", text, shown)
		}
	})
}

// FuzzStatus: whatever a supervisor says of itself and has written down of the
// past, it is shown: each process and each event once, and nothing that a
// terminal would obey.
func FuzzStatus(f *testing.F) {
	for _, s := range statuses() {
		f.Add(control.Line(s), control.Line(control.Event{Seq: 1, What: "running", PID: 2, Time: renderNow}))
	}
	for _, h := range []string{"crash", "hostile"} {
		var b []byte
		for _, ev := range past(&testing.T{}, histories[h].lines) {
			b = append(b, control.Line(ev)...)
		}
		f.Add([]byte("{}"), b)
	}
	f.Fuzz(func(t *testing.T, status, history []byte) {
		var s control.Status
		if json.Unmarshal(status, &s) == nil {
			var out strings.Builder
			if err := render(&out, display{}, s, renderNow, func(pid int) string { return fmt.Sprint("\x1b", pid) }); err != nil {
				t.Fatal(err)
			}
			isShown(t, out.String())
			pids := map[int]bool{}
			for _, p := range s.Processes {
				pids[p.PID] = true
			}
			if rows := statusTree(s.Processes, fakeCmdline); len(rows) != len(pids) {
				t.Errorf("%d rows of %d processes", len(rows), len(pids))
			}
		}
		var events []control.Event
		for text := range bytes.Lines(history) {
			var ev control.Event
			if json.Unmarshal(text, &ev) == nil {
				events = append(events, ev)
			}
		}
		all := lives("x", events, len(status)%2 == 0)
		n := 0
		for _, h := range answerOfLives(all) {
			for _, l := range h.Lives {
				n += len(l.Events)
			}
		}
		if n != len(events) {
			t.Errorf("%d events of %d", n, len(events))
		}
		var out strings.Builder
		tellAll(&out, all)
		isShown(t, out.String())
	})
}

func isShown(t *testing.T, text string) {
	t.Helper()
	if bare := strings.ReplaceAll(text, "\n", ""); printable(bare) != bare {
		t.Errorf("shown: %q", text)
	}
}

// FuzzProcStat: no name that a process gives itself changes what it is said to
// use.
func FuzzProcStat(f *testing.F) {
	for _, comm := range []string{"sleep", ") R 1 (", ")", "\n", ""} {
		f.Add([]byte(comm), uint32(7))
	}
	f.Fuzz(func(t *testing.T, comm []byte, n uint32) {
		stat := fmt.Sprintf("42 (%s) S 1 1 1 0 -1 0 0 0 0 0 %d %d 3 4 20 0 1 0 %d 0 %d 0", comm, n, n, n, n)
		want := procInfo{
			Parent: 1, Born: time.Duration(n) * clockTick, CPU: 2 * time.Duration(n) * clockTick, Kids: 7 * clockTick,
			RSS: int64(n) * int64(os.Getpagesize()),
		}
		if got, ok := parseProcStat([]byte(stat)); !ok || got != want {
			t.Errorf("%q: %+v, %v", stat, got, ok)
		}
		parseProcStat(comm)
	})
}

// FuzzBaggage: what is handed to the next binary arrives. What another
// program has put there is an error, or is ignored.
func FuzzBaggage(f *testing.F) {
	f.Add([]byte("state"), 3, 4, "7", "99")
	f.Add([]byte{0, 255}, -1, 0, "", "check")
	f.Fuzz(func(t *testing.T, state []byte, lock, socket int, procs, other string) {
		if strings.ContainsRune(procs+other, 0) || procs != strings.ToValidUTF8(procs, "") {
			return // no variable, or no number, has that
		}
		memfd, err := wrap(baggage{Handover: control.Handover{Lock: lock, Socket: socket}, State: state, Procs: procs})
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(procsEnv, "1")
		t.Setenv(upgradeEnv, strconv.Itoa(memfd))
		got, err := unwrap()
		if err != nil || got == nil || !bytes.Equal(got.State, state) || got.Lock != lock || got.Socket != socket || got.Procs != procs {
			t.Fatalf("%+v, %v", got, err)
		}
		if _, there := os.LookupEnv(upgradeEnv); there || os.Getenv(procsEnv) != procs {
			t.Errorf("left in the environment: %q", os.Environ())
		}
		if _, err := strconv.Atoi(other); err == nil {
			return // a descriptor of this test's
		}
		t.Setenv(upgradeEnv, other)
		if b, err := unwrap(); b != nil || err != nil {
			t.Errorf("%q: %+v, %v", other, b, err)
		}
	})
}
