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

const stamp = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z `

// kept is the file of what the service wrote.
func (s *service) kept() textFile {
	return textFile{s.t, s.runtime + "/log/" + s.name + ".log"}
}

// logs is what respawner logs prints, without the times and the lines between runs.
func (s *service) logs(options ...string) []string {
	s.t.Helper()
	r := s.tell("logs", options...)
	if r.code != 0 {
		s.t.Fatalf("logs %v: %v", options, r)
	}
	var lines []string
	time := regexp.MustCompile(`^` + stamp)
	for line := range strings.Lines(r.stdout) {
		bare := time.ReplaceAllString(line, "")
		if bare == line {
			s.t.Fatalf("logs %v: no time in %q", options, line)
		}
		if !strings.HasPrefix(bare, "-- ") {
			lines = append(lines, strings.TrimSuffix(bare, "\n"))
		}
	}
	return lines
}

// What a program writes to stdout and stderr is kept, through restarts and
// beyond the end, and logs shows it, as it was written.
func TestOutputIsKept(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo out $$; echo err >&2; printf '\033[2J\ttab'; exec sleep 300`)
	st := s.start("-t", "0.1")
	s.kept().waitFor(`err$`, 1)
	s.crash(st.MainPID)
	s.kept().waitFor(`err$`, 2)
	if info, err := os.Stat(s.kept().path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info, err)
	}
	if r := s.tell("status"); !strings.Contains(r.stdout, "  output      "+s.kept().path+"\n") {
		t.Errorf("status does not say where: %v", r)
	}
	s.stop()
	got := s.logs()
	want := fmt.Sprintf("out %d|err|\x1b[2J\ttabout ", st.MainPID)
	if all := strings.Join(got, "|"); !strings.HasPrefix(all, want) || !strings.HasSuffix(all, "|err|\x1b[2J\ttab") {
		t.Errorf("got %q", all)
	}
	if last := s.logs("-n", "1"); len(last) != 1 || last[0] != "\x1b[2J\ttab" {
		t.Errorf("-n 1: %q", last)
	}
	if r := s.tell("logs", "--since", "0s"); r.code != 0 || r.stdout != "" {
		t.Errorf("--since 0s: %v", r)
	}
}

// logs -f prints what comes, through rotation, and ends with its reader.
func TestLogsFollow(t *testing.T) {
	t.Parallel()
	s := newShell(t, `i=0; while read x; do i=$((i+1)); echo line $i; done <"$PIPE"; exec sleep 300`)
	fifo := s.dir + "/fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	start := s.command("start", "--output-size", "4K", "--output-keep", "1000")
	start.Env = append(start.Env, "PIPE="+fifo)
	if r := finish(t, start); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	seen := textFile{t, s.dir + "/seen"}
	follow := s.command("logs", "-f", "-n", "all")
	if follow.Stdout, err = os.Create(seen.path); err != nil {
		t.Fatal(err)
	}
	r := launch(t, follow)
	const lines = 3000
	for range lines {
		fmt.Fprintln(w)
	}
	seen.waitFor(fmt.Sprintf(`line %d$`, lines), 1)
	for i, line := range matches(`^`+stamp+`line (\d+)$`, seen.text()) {
		if number(line[1]) != i+1 {
			t.Fatalf("line %d is %v", i+1, line)
		}
	}
	r.signal(unix.SIGINT)
	<-r.ended
	w.Close()
	if text := strings.Join(s.logs("-n", "all"), "\n"); strings.Count(text, "line") != lines {
		t.Errorf("%d lines are kept", strings.Count(text, "line"))
	}
	s.stop()
}

// A reader that leaves ends it, though nothing is written.
func TestLogsFollowEndsWithItsReader(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo hello; exec sleep 300`)
	s.start()
	s.kept().waitFor(`hello`, 1)
	pipeline := command(t, "sh", "-c", `"$0" "$@" | head -n 2`, respawner)
	pipeline.Args = append(pipeline.Args, s.words("logs", "-f")...)
	if r := finish(t, pipeline); !strings.HasSuffix(r.stdout, "Z hello\n") {
		t.Errorf("%v", r)
	}
	s.stop()
}

// A program that can't come up has said why: start passes it on.
func TestStartQuotesTheProgram(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]string{
		"exit": `for i in 1 2 3 4 5; do echo "step $i"; done; printf 'bind: \033[1maddress in use'; exit 3`,
		"fork": `for i in 1 2 3 4 5; do echo "step $i"; done; (printf 'bind: \033[1maddress in use'); kill -SEGV $$`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, script)
			r := s.tell("start", "-t", "300")
			want := "\n  | step 2\n  | step 3\n  | step 4\n  | step 5\n  | bind: \\x1b[1maddress in use\n"
			if r.code != 1 || !strings.HasPrefix(r.stderr, "respawner: sh ") || !strings.HasSuffix(r.stderr, want) {
				t.Errorf("start: %v", r)
			}
			s.stop()
		})
	}
	t.Run("for good", func(t *testing.T) {
		t.Parallel()
		s := newShell(t, `echo no such thing >&2; exit 127`)
		if r := s.tell("start"); r.code != 127 || !strings.HasSuffix(r.stderr, "\n  | no such thing\n") {
			t.Errorf("start: %v", r)
		}
	})
}

// Where it can't be kept the service runs all the same, unless the user has
// named the place.
func TestOutputHasNoPlace(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo lost; exec sleep 300`)
	if err := os.MkdirAll(s.runtime, 0o700); err != nil {
		t.Fatal(err)
	}
	writeFile(t, s.runtime+"/log", "in the way", 0o600)
	r := s.tell("start")
	if r.code != 0 || !strings.Contains(r.stderr, "warning: the program's output is not kept") {
		t.Errorf("start: %v", r)
	}
	s.mustRun()
	mustFail(t, s.tell("logs"), 1, "--output")
	s.stop()
	mustFail(t, s.tell("start", "--output", s.runtime+"/log/x"), 1, "--output", "not a directory")
	mustFail(t, s.tell("start", "--output", os.DevNull), 1, "--output", "device")
	s.mustNotRun("stopped")
}

// In the foreground it is ours to see, or kept if that was asked for.
func TestOutputInTheForeground(t *testing.T) {
	t.Parallel()
	s := newShell(t, `echo seen; exec sleep 300`)
	r := launch(t, s.command("start", "-D"))
	s.waitState("running")
	if exists(s.kept().path) {
		t.Error("it is kept as well")
	}
	mustFail(t, s.tell("logs"), 1, "-D")
	r.signal(unix.SIGTERM)
	r.code()

	s.name = "kept"
	path := textFile{t, s.dir + "/out"}
	r = launch(t, s.command("start", "-D", "--output", path.path))
	path.waitFor(`^`+stamp+`seen$`, 1)
	s.waitState("running")
	if got := s.logs(); len(got) != 1 {
		t.Errorf("logs: %q", got)
	}
	r.signal(unix.SIGTERM)
	r.code()
}

func TestLogsOfNobody(t *testing.T) {
	t.Parallel()
	s := newShell(t, `exit 0`)
	mustFail(t, s.tell("logs"), 3, "no log")
	mustFail(t, s.tell("reopen"), 1, "no service sh here")
}
