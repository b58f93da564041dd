//go:build linux

package test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// logs marks where each run of the program begins and how it ended: before its
// first line and behind its last words. The file has no such lines.
func TestLogsMarkRuns(t *testing.T) {
	t.Parallel()
	s := newShell(t, `trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.1; done`)
	first := s.start("-t", "0.1")
	s.kept().waitFor(`hello$`, 1)
	second := s.crash(first.MainPID)
	s.kept().waitFor(`hello$`, 2)
	if r := s.tell("restart"); r.code != 0 {
		t.Fatalf("restart: %v", r)
	}
	s.kept().waitFor(`hello$`, 3)
	third := s.mustRun()
	s.stop()
	started := func(st status) string { return fmt.Sprintf("-- started, pid %d\nhello\n", st.MainPID) }
	want := started(first) + "-- ended: it crashed; first death: pid " + fmt.Sprint(first.MainPID) + " (main) killed by signal 9 (SIGKILL)\n" +
		started(second) + "bye\n-- ended: it was restarted on request\n" +
		started(third) + "bye\n-- ended: sh was stopped\n"
	bare := func(r result) string { return regexp.MustCompile(`(?m)^`+stamp).ReplaceAllString(r.stdout, "") }
	if r := s.tell("logs"); r.code != 0 || bare(r) != want {
		t.Errorf("got:\n%s\nwant:\n%s", r, want)
	}
	if strings.Contains(s.kept().text(), "--") {
		t.Errorf("the file has such lines:\n%s", s.kept().text())
	}
	for n, want := range map[string]string{
		"1": "bye\n-- ended: sh was stopped\n",
		"2": "-- ended: it was restarted on request\n-- started, pid " + fmt.Sprint(third.MainPID) + "\nhello\nbye\n-- ended: sh was stopped\n",
	} {
		if r := s.tell("logs", "-n", n); bare(r) != want {
			t.Errorf("-n %s: %s\nwant:\n%s", n, r, want)
		}
	}
	if r := s.tell("logs", "--since", "now"); r.code != 0 || r.stdout != "" {
		t.Errorf("--since now: %v", r)
	}
}

// logs -f marks runs as they come, through the end of the supervisor too.
func TestLogsFollowMarksRuns(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo hello; exec sleep 300`)
	st := s.start("-t", "0.1")
	seen := textFile{t, s.dir + "/seen"}
	file, err := os.Create(seen.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	follow := s.command("logs", "-f")
	follow.Stdout = file
	f := launch(t, follow)
	seen.waitFor(`hello$`, 1)
	s.crash(st.MainPID)
	seen.waitFor(fmt.Sprintf(`-- ended: it crashed; first death: pid %d \(main\) killed by signal 9 \(SIGKILL\)$`, st.MainPID), 1)
	seen.waitFor(`-- started, pid \d+$`, 2)
	s.quietStop()
	seen.waitFor(`-- ended: sh was stopped$`, 1)
	s.start()
	seen.waitFor(`-- started, pid \d+$`, 3)
	seen.waitFor(`hello$`, 3)
	f.signal(unix.SIGINT)
	<-f.ended
	s.stop()
}
