package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// twins is a daemon of two processes that both could be main; it tells their
// pids, and goes to the background.
func twins(t *testing.T) (script string, hear func() [2]int) {
	path, hearLine := fifo(t)
	script = fmt.Sprintf("( sleep 1000 & a=$!; sleep 1000 & echo $a $! >%s )", path)
	return script, func() (pids [2]int) {
		t.Helper()
		if n, err := fmt.Sscan(hearLine(), &pids[0], &pids[1]); n != 2 {
			t.Fatal(err)
		}
		return pids
	}
}

// The pidfile decides which process is main, whenever it comes. It is gone before the
// next start when it names the dead.
func TestRunWithPidfile(t *testing.T) {
	script, hear := twins(t)
	p := shell(script, service.Spec{Follow: service.FollowOn})
	p.Pidfile = filepath.Join(t.TempDir(), "later", "x.pid")
	s := begin(t, p)
	s.up()
	pids := hear()
	check(t, os.Mkdir(filepath.Dir(p.Pidfile), 0o755))
	for _, pid := range []int{pids[0], pids[1], pids[0], pids[1]} {
		write(t, p.Pidfile, fmt.Sprintln(pid), 0o644)
		s.await("the named one is main", func(st *control.Status) bool { return st.MainPID == pid })
	}
	check(t, unix.Kill(pids[0], unix.SIGKILL)) // not vital: the other one is named
	s.await("one is left", func(st *control.Status) bool { return slices.Equal(st.PIDs, pids[1:]) })
	check(t, unix.Kill(pids[1], unix.SIGKILL))
	st := s.await("restarted", func(st *control.Status) bool { return st.Restarts == 1 && st.State == "running" })
	if again := hear(); !slices.Contains(again[:], st.MainPID) || len(st.PIDs) != 2 {
		t.Errorf("status %+v, started %v", st, again)
	}
	if _, err := os.Lstat(p.Pidfile); !os.IsNotExist(err) {
		t.Errorf("the stale pidfile: %v", err)
	}
	s.stop()
	if !strings.Contains(s.log.String(), "removed the stale pidfile "+p.Pidfile) {
		t.Errorf("the log lacks its removal:\n%s", s.log)
	}
}

// What stands in a pidfile and can't be right is told, and changes nothing.
func TestRunWithBadPidfile(t *testing.T) {
	p := shell("exec sleep 1000", service.Spec{})
	p.Pidfile = filepath.Join(t.TempDir(), "x.pid")
	s := begin(t, p)
	main := s.up()
	for content, want := range map[string]string{
		"":                        "is empty: ignored",
		"garbage\n":               "does not begin with a line that is a pid: ignored",
		"1\n":                     "names pid 1, which can't be a service's: ignored",
		"-1\n":                    "names pid -1, which can't be a service's: ignored",
		fmt.Sprintln(os.Getpid()): "which is no process of x (/tmp can be written by others): ignored",
		fmt.Sprintln(unused):      "which is no process of x: ignored",
	} {
		write(t, p.Pidfile, content, 0o644)
		st := s.await(want, func(st *control.Status) bool { return strings.HasSuffix(st.Message, want) })
		if st.MainPID != main || st.State != "running" || !strings.Contains(st.Message, p.Pidfile) {
			t.Errorf("%q: %+v", content, st)
		}
	}
	write(t, p.Pidfile, fmt.Sprintln(main), 0o644)
	s.await("all is well", func(st *control.Status) bool { return st.Message == "" })
	write(t, p.Pidfile, "garbage\n", 0o644)
	s.await("garbage once more", func(st *control.Status) bool { return st.Message != "" })
	write(t, p.Pidfile, fmt.Sprintln(main), 0o644)
	s.await("all is well again", func(st *control.Status) bool { return st.Message == "" })
}
