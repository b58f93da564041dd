//go:build linux

package test

import (
	"strings"
	"testing"
)

// What a new user types is answered by the command line that was meant, and that one
// can be copied: a shell runs it, and the service is up.
func TestTypedCommandLines(t *testing.T) {
	t.Parallel()
	for name, words := range map[string][]string{
		"sleep":  {"start", "sleep", "300"},
		"one":    {"start", "sleep 300"},
		"sh":     {"start", "cd / && exec sleep 300"},
		"shell":  {"start", "sh", "-c", "exec sleep 300"},
		"run":    {"run", "sleep", "--", "300"},
		"sttart": {"sttart", "sleep", "--", "300"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, "sleep")
			s.name = name
			words := append([]string{"--name", name, "--runtime-dir", s.runtime, "--log", s.log.path}, words...)
			r := call(t, words...)
			if r.code != 2 && r.code != 127 || r.stdout != "" || strings.Count(r.stderr, "\n") != 1 {
				t.Fatalf("%q: %v", words, r)
			}
			_, line, found := strings.Cut(strings.TrimSuffix(r.stderr, "\n"), "respawner --name")
			if !found {
				t.Fatalf("%q: no command line to copy: %v", words, r)
			}
			line = strings.TrimSuffix(line, "?")
			if r := shell(t, "sh", "-c", respawner+" --name"+line); r.code != 0 {
				t.Fatalf("respawner --name%s: %v", line, r)
			}
			s.mustRun()
			s.quietStop()
		})
	}
}

// Words of other tools: they work, or are answered by the word that is used here. A guess
// is made only where it is near.
func TestTypedWords(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.start()
	list := call(t, "list", "--runtime-dir", s.runtime)
	for _, word := range []string{"ls", "ps"} {
		if r := call(t, word, "--runtime-dir", s.runtime); r.code != 0 || strings.Fields(r.stdout)[7] != strings.Fields(list.stdout)[7] {
			t.Errorf("%s: %v", word, r)
		}
	}
	if r := s.tell("show"); r.code != 0 || !strings.HasPrefix(r.stdout, `"shape" process is running`+"\n") {
		t.Errorf("show: %v", r)
	}
	if r := call(t, "version"); r.code != 0 || r.stdout != call(t, "--version").stdout || !strings.HasPrefix(r.stdout, "respawner version ") {
		t.Errorf("version: %v", r)
	}
	for word, want := range map[string]string{
		"rm": "here it is respawner forget ", "run": "here it is respawner start ", "stoop": "did you mean respawner stop ",
		"frobnicate": "respawner --help lists them all", "x": "respawner --help lists them all",
	} {
		r := s.tell(word)
		mustFail(t, r, 2, want)
		if guessed := strings.Contains(r.stderr, "mean"); guessed != strings.Contains(want, "mean") {
			t.Errorf("%s: %v", word, r)
		}
	}
	s.mustRun()
	s.stop()
}

// A script that can't be run: it is said what is wrong with it.
func TestTypedScripts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"#!/bin/sh\r\nsleep 300\r\n": "its #! line ends with a carriage return",
		"#!/bin/nosuch\nsleep 300\n": `its interpreter "/bin/nosuch" (the #! line) does not exist`,
		"sleep 300\n":                "nor a script with a #! line",
	} {
		s := newService(t, writeFile(t, tempDir(t)+"/script", text, 0o755))
		mustFail(t, s.tell("start"), 126, s.program, want)
		s.mustNotRun("stopped")
	}
}
