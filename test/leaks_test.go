//go:build linux

package test

import (
	"os"
	"strconv"
	"testing"
)

// A supervisor that has restarted its daemon many times is what it was in the
// beginning: no descriptor, thread or zombie more.
func TestSupervisorLeaksNothing(t *testing.T) {
	t.Parallel()
	s := newShape(t, "double-fork", "refuse", "pidfile=")
	pidfile := s.dir + "/pidfile"
	s.args[len(s.args)-1] += pidfile
	st := s.start("-t", "0", "--follow-forks", "-p", pidfile)
	var before int
	var threads int
	for run := 1; run <= 20; run++ {
		st = s.crash(st.MainPID)
		if run == 3 {
			before, threads = len(descriptors(t, st.SupervisorPID)), countThreads(t, st.SupervisorPID)
		}
	}
	eventually(t, strconv.Itoa(before)+" descriptors, as before", func() bool {
		return len(descriptors(t, st.SupervisorPID)) == before
	})
	// Go's runtime has as many threads as it likes, but not one for each run.
	if now := countThreads(t, st.SupervisorPID); now > threads+8 {
		t.Errorf("threads: %d after 3 restarts, %d after 20", threads, now)
	}
	eventually(t, "no zombies", func() bool { return zombies(st.SupervisorPID) == 0 })
	s.starts(21)
	s.stop()
}

func countThreads(t *testing.T, pid int) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

func zombies(parent int) (n int) {
	for _, p := range processes() {
		if p.ppid == parent && p.state == 'Z' {
			n++
		}
	}
	return n
}

// Nothing is left in the runtime directory but the definition, the last words, the
// history, the log of what the program wrote, and the folder of what brought it.
func TestRuntimeDirIsLeftClean(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	for range 3 {
		s.start()
		s.stop()
	}
	files, err := os.ReadDir(s.runtime)
	if err != nil || len(files) > 5 || !exists(s.runtime+"/log") {
		t.Errorf("left: %v, %v", files, err)
	}
}
