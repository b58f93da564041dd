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

func TestInterpreter(t *testing.T) {
	for head, want := range map[string][]string{
		"":                          nil,
		"\x7fELF":                   nil,
		"#!":                        nil,
		"#! \t\nx":                  nil,
		"#!/bin/sh":                 {"/bin/sh"},
		"#! /bin/sh\t\necho":        {"/bin/sh"},
		"#!/bin/sh\t-e\n":           {"/bin/sh", "-e"},
		"#!/usr/bin/env  -S a b \n": {"/usr/bin/env", "-S a b"},
	} {
		if got := interpreter([]byte(head)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

// FuzzInterpreter: whatever stands behind the #!, the kernel would find the same again in what was made of it.
func FuzzInterpreter(f *testing.F) {
	for _, seed := range []string{"/bin/sh", " /bin/sh -e", "/usr/bin/env\t-S a\tb ", "\n", "", "\x00 \xff\r"} {
		f.Add([]byte("#!" + seed))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		words := interpreter(head)
		if len(words) > 2 || len(words) > 0 && !bytes.HasPrefix(head, []byte("#!"+words[0])) && !bytes.ContainsAny(head[2:3], " \t") {
			t.Fatalf("%q: %q", head, words)
		}
		for i, word := range words {
			if word == "" || word != strings.Trim(word, " \t") || strings.Contains(word, "\n") || i == 0 && strings.ContainsAny(word, " \t") {
				t.Errorf("%q: %q", head, words)
			}
		}
		if again := interpreter([]byte("#!" + strings.Join(words, "\t"))); !slices.Equal(again, words) {
			t.Errorf("%q came back as %q", words, again)
		}
	})
}

// FuzzMark: a service's mark is found in whatever environment it was put into, and is the only one of its kind.
func FuzzMark(f *testing.F) {
	f.Add([]byte("A=b\x00RESPAWNER_SERVICE=other\x00RESPAWNER_ID=\x00"), "web", "0123")
	f.Add([]byte("RESPAWNER_SERVICE\x00=RESPAWNER_SERVICE=\x00\x00"), "", "")
	f.Add([]byte("XRESPAWNER_ID=1\x00RESPAWNER_ID=2"), "a b", "x")
	f.Fuzz(func(t *testing.T, text []byte, name, id string) {
		if strings.ContainsRune(name+id, 0) {
			return // no environment has that
		}
		env := marked(strings.Split(string(text), "\x00"), name, id)
		whole := []byte(strings.Join(env, "\x00") + "\x00")
		if got := valueOf(whole, markName); got != name {
			t.Errorf("%q has the name %q, want %q", whole, got, name)
		}
		if got := valueOf(whole, markID); got != id {
			t.Errorf("%q has the ID %q, want %q", whole, got, id)
		}
		if again := marked(env, name, id); !slices.Equal(again, env) {
			t.Errorf("marked twice %q is %q", env, again)
		}
	})
}

func TestMissing(t *testing.T) {
	for head, want := range map[string]string{
		"\x7fELF": "its loader", "": "its loader", "#!": "its loader", "#!/bin/nosuch -x\nexit": `its interpreter "/bin/nosuch"`,
		"#!/bin/sh\r\nexit\r\n": "a carriage return", "#! /no\x1bsuch": `its interpreter "/no\x1bsuch"`,
	} {
		if got := missing([]byte(head)); !strings.Contains(got, want) {
			t.Errorf("%q: %s, want %s", head, got, want)
		}
	}
}

// The real user is the first of the four that /proc/PID/status names.
func TestParseUID(t *testing.T) {
	for status, want := range map[string]int{
		"Name:\tx\nUmask:\t0022\nUid:\t33\t0\t0\t0\nGid:\t1\t1\t1\t1\n": 33,
		"Name:\tUid:\nUid:\t0\t33\t33\t33\n":                            0,
	} {
		if got, err := parseUID([]byte(status)); err != nil || got != want {
			t.Errorf("%q: %d, %v", status, got, err)
		}
	}
	for _, status := range []string{"", "Name:\tx\n", "Uid:\n", "Uid:\tnobody\n"} {
		if uid, err := parseUID([]byte(status)); err == nil {
			t.Errorf("%q: %d, and no error", status, uid)
		}
	}
}
