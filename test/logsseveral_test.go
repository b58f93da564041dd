//go:build linux

package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// talker is a service that repeats what it is told by a FIFO.
type talker struct {
	*service
	fifo *os.File
}

func newTalker(t *testing.T, name, runtime string) talker {
	t.Helper()
	s := newService(t, "sh", "-c", `while read x; do echo "$x"; done`)
	s.name, s.runtime = name, runtime
	fifo := s.dir + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s.args[1] = `exec <` + fifo + `; ` + s.args[1]
	w, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return talker{s, w}
}

// says has it say something, which is kept when says returns.
func (w talker) says(text string) {
	w.t.Helper()
	if _, err := w.fifo.WriteString(text + "\n"); err != nil {
		w.t.Fatal(err)
	}
	w.kept().waitFor(` `+regexp.QuoteMeta(text)+`$`, 1)
}

var boundOfRun = regexp.MustCompile(`(?m)^.*` + stamp + `-- .*\n`)

// logs of several services are one stream in the order of time, each line with
// the name of its service; patterns and no name at all mean several.
func TestLogsOfSeveral(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	web, db, other := newTalker(t, "web-1", dir+"/run"), newTalker(t, "w", dir+"/run"), newTalker(t, "other", dir+"/run")
	for _, s := range []talker{web, db, other} {
		s.start()
	}
	web.says("one")
	db.says("two")
	web.says("three")
	other.says("four")
	db.says("five")
	logs := func(words ...string) result {
		return call(t, append([]string{"logs", "--runtime-dir", dir + "/run"}, words...)...)
	}
	bare := func(r result) string {
		return regexp.MustCompile(stamp).ReplaceAllString(boundOfRun.ReplaceAllString(r.stdout, ""), "")
	}
	all := "web-1 | one\nw     | two\nweb-1 | three\nother | four\nw     | five\n"
	some := strings.Replace(all, "other | four\n", "", 1)
	for _, c := range []struct{ words, want string }{
		{"", all}, {"*", all}, {"w*", some}, {"w web-1", some}, {"web-1 w -n all", some},
		{"web-*", "one\nthree\n"}, {"w* -n 1", "web-1 | three\nw     | five\n"},
	} {
		if r := logs(strings.Fields(c.words)...); r.code != 0 || bare(r) != c.want {
			t.Errorf("logs %s: %v\nwant %s", c.words, r, c.want)
		}
	}
	if r := logs("w", "nosuch"); r.code != 3 || bare(r) != "two\nfive\n" || !strings.HasPrefix(r.stderr, "respawner: nosuch has no log") {
		t.Errorf("one that is not there: %v", r)
	}
	mustFail(t, logs("x*"), 1, "no service matches x*")

	seen := textFile{t, dir + "/seen"}
	file, err := os.Create(seen.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	follow := command(t, respawner, "logs", "-f", "-n", "0", "--runtime-dir", dir+"/run", "w*")
	follow.Stdout = file
	f := launch(t, follow)
	eventually(t, "it follows", func() bool {
		other.says("nothing")
		db.fifo.WriteString("now\n")
		return seen.count(`now$`) > 0
	})
	web.says("six")
	seen.waitFor(`^web-1 \| `+stamp+`six$`, 1)
	db.says("seven")
	seen.waitFor(`^w     \| `+stamp+`seven$`, 1)
	if seen.count(`one|nothing`) > 0 {
		t.Errorf("more is followed:\n%s", seen.text())
	}
	f.signal(unix.SIGINT)
	<-f.ended
	for _, s := range []talker{web, db, other} {
		s.quietStop()
	}
	// The logs outlive the runtime directory, as they do a reboot.
	if err := os.RemoveAll(dir + "/run/web-1.json"); err != nil {
		t.Fatal(err)
	}
	if r := logs("web*"); r.code != 0 || !strings.Contains(r.stdout, "three") {
		t.Errorf("logs of what is not known any more: %v", r)
	}
}

// --grep picks lines, and -n the last of those.
func TestLogsGrep(t *testing.T) {
	t.Parallel()
	s := newTalker(t, "talker", tempDir(t)+"/run")
	s.start()
	for _, text := range []string{"GET /a 200", "GET /b 500", "GET /c 200", "GET /d 500", "get /e 500", "GET /f 200"} {
		s.says(text)
	}
	for words, want := range map[string]string{
		"--grep 500": "GET /b 500,GET /d 500,get /e 500", "--grep (?i)^get.*500$": "GET /b 500,GET /d 500,get /e 500",
		"--grep ^GET.*500$": "GET /b 500,GET /d 500", "--grep 500 -n 2": "GET /d 500,get /e 500", "--grep nothing": "",
		"--grep 500 -n 0": "",
	} {
		if got := strings.Join(s.logs(strings.Fields(words)...), ","); got != want {
			t.Errorf("logs %s: %q, want %q", words, got, want)
		}
	}
	if r := s.tell("logs", "--grep", "2026|started"); r.code != 0 || r.stdout != "" {
		t.Errorf("times and bounds of runs are searched: %v", r)
	}
	mustFail(t, s.tell("logs", "--grep", "("), 2, `bad --grep "("`)
	s.stop()
}

// On a terminal names have colours of their own, and what is in a line is shown, not obeyed.
func TestLogsInColour(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	a, b := newTalker(t, "a", dir+"/run"), newTalker(t, "b", dir+"/run")
	a.start()
	b.start()
	a.says("one")
	b.says("two")
	w := newTerminal(t, 120, 30, strings.Join([]string{respawner, "logs", "--runtime-dir", dir + "/run"}, " "))
	w.shows(`code=0`)
	text := w.painted()
	for _, want := range []string{"\x1b[36ma | ", "\x1b[33mb | ", ";1m\x1b[39m\x1b[49m-- started, pid "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	a.quietStop()
	b.quietStop()
}

// A line that was cut says so: in the log, and where it is quoted.
func TestLogsTellOfCutLines(t *testing.T) {
	t.Parallel()
	s := newShell(t, `head -c 20000 /dev/zero | tr '\0' x; echo; head -c 8192 /dev/zero | tr '\0' y; echo; echo end; exit 127`)
	r := s.tell("start")
	lines := s.logs()
	x, y := strings.Repeat("x", 8192), strings.Repeat("y", 8192)
	want := []string{x + "…", x + "…", strings.Repeat("x", 20000-2*8192), y, "end"}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") {
		t.Errorf("%d lines in %s", len(lines), filepath.Base(s.kept().path))
	}
	if quoted := "  | " + x[:200] + "…\n  | " + y[:200] + "…\n  | end\n"; !strings.HasSuffix(r.stderr, quoted) {
		t.Errorf("start: %v", r)
	}
}
