//go:build linux

package test

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// What README shows of a status after a crash is what there is to be seen.
func TestReadmeStatus(t *testing.T) {
	t.Parallel()
	readme := textFile{t, "../README.md"}.text()
	_, shown, found := strings.Cut(readme, "\n    \"lighttpd\" process is running\n")
	shown, _, end := strings.Cut(shown, "\n\n")
	if !found || !end {
		t.Fatal("README shows no status of lighttpd")
	}
	needRoot(t) // for the tracking that it shows
	s, _ := newLighttpd(t)
	s.crash(s.start("--follow-forks").MainPID)
	r := s.tell("status")
	if got, want := bare(r.stdout), bare("    \"lighttpd\" process is running\n"+shown+"\n"); got != want {
		t.Errorf("README, without numbers and paths, shows\n%s\nbut there is\n%s", want, got)
	}
	if m := matches(`\((\d+)m (\d+)s\)(?s:.*), (\d+)m (\d+)s ago`, shown); len(m) != 1 ||
		minutes(m[0][3], m[0][4])-minutes(m[0][1], m[0][2]) != 5*time.Second {
		t.Errorf("README should tell of a crash 5 s before the start: %q", m)
	}
	s.stop()
}

func minutes(m, s string) time.Duration {
	return time.Duration(number(m))*time.Minute + time.Duration(number(s))*time.Second
}

// bare is a text without what differs from one run to another: numbers, spans of time, the zone of
// times and the folders of files.
func bare(text string) string {
	text = regexp.MustCompile(`(?m)^ +`).ReplaceAllString(strings.TrimSpace(text), "")
	text = regexp.MustCompile(`\S*/`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`(:\d\d)(Z|[+-]\d\d:\d\d)`).ReplaceAllString(text, "${1}ZONE")
	text = regexp.MustCompile(`\d+m \d+s|\d+s`).ReplaceAllString(text, "SPAN")
	text = regexp.MustCompile(`\d+`).ReplaceAllString(text, "N")
	return regexp.MustCompile(` +`).ReplaceAllString(text, " ")
}
