package watch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

func TestRunSimple(t *testing.T) {
	s := begin(t, shell("exec sleep 1000", service.Spec{}))
	main := s.up()
	st := s.status()
	if st.State != "running" || st.MainPID != main || !slices.Equal(st.PIDs, []int{main}) || st.SupervisorPID != s.cmd.Process.Pid {
		t.Errorf("status %+v, main pid %d", st, main)
	}
	if len(st.Processes) != 1 || st.Processes[0] != (control.Process{PID: main, PPID: st.SupervisorPID, Role: "main"}) {
		t.Errorf("processes %+v", st.Processes)
	}
	o := s.stop()
	if o.Result.Status != 0 || o.Result.Last.State != "stopped" || o.Result.Last.SupervisorPID != 0 || o.Result.Last.MainPID != 0 {
		t.Errorf("ended with %+v, last words %+v", o.Result, o.Result.Last)
	}
	if last := o.Result.Last.LastExit; last == nil || last.PID != main || last.Signal != 15 {
		t.Errorf("last exit %+v", last)
	}
}

// TERM, INT, QUIT, and HUP where it was asked for, end the service.
func TestRunEndsBySignal(t *testing.T) {
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP} {
		s := begin(t, shell("exec sleep 1000", service.Spec{}))
		main := s.up()
		check(t, s.cmd.Process.Signal(sig))
		if o := s.end(); o.Result.Status != 0 || o.Result.Last.State != "stopped" {
			t.Errorf("%v: %+v", sig, o.Result)
		}
		if unix.Kill(main, 0) != unix.ESRCH {
			t.Errorf("%v: the service lives on", sig)
		}
	}
}

// How a start that comes to nothing is told, and that it leaves no trace of a
// process that never was the service's.
func TestRunFailsToStart(t *testing.T) {
	lost := write(t, filepath.Join(t.TempDir(), "lost"), "#!/nonexistent\n", 0o755)
	tests := []struct {
		args   []string
		status int
		last   *control.Exit // but for pid and time
	}{
		{[]string{lost}, 126, nil},
		{[]string{"sh", "-c", "exit 127"}, 127, &control.Exit{Code: 127}},
		{[]string{"true"}, 0, &control.Exit{}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			s := begin(t, plan{Args: tt.args})
			if r := s.report(); r.PID != 0 || r.Status != tt.status || !r.Ended || r.Text == "" {
				t.Errorf("report %+v", r)
			}
			o := s.end()
			if o.Result.Status != tt.status || o.Result.Last.MainPID != 0 {
				t.Errorf("ended with %+v", o.Result)
			}
			got := o.Result.Last.LastExit
			if (got == nil) != (tt.last == nil) || got != nil && (got.Code != tt.last.Code || got.Signal != tt.last.Signal) {
				t.Errorf("last exit %+v, want %+v", got, tt.last)
			}
			if tt.last == nil && strings.Contains(s.log.String(), "exited") {
				t.Errorf("the log tells of a process that never was:\n%s", s.log)
			}
		})
	}
}

// After a crash it comes back, and only after one.
func TestRunRestarts(t *testing.T) {
	s := begin(t, shell("exec sleep 1000", service.Spec{}))
	main := s.up()
	for n := 1; n <= 3; n++ {
		check(t, unix.Kill(main, unix.SIGKILL))
		st := s.await("restarted", func(st *control.Status) bool { return st.Restarts == n && st.State == "running" })
		if st.MainPID == main || st.LastExit == nil || st.LastExit.PID != main || st.LastExit.Signal != 9 {
			t.Errorf("status %+v after pid %d was killed", st, main)
		}
		main = st.MainPID
	}
	check(t, unix.Kill(main, unix.SIGSTOP)) // a stopped one must be ended as well
	if o := s.stop(); o.Result.Last.Restarts != 3 {
		t.Errorf("last words %+v", o.Result.Last)
	}
}

// A restart whose exec fails is no process that crashed.
func TestRunRestartFails(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	write(t, program, "#!/bin/sh\nexec sleep 1000\n", 0o755)
	s := begin(t, plan{Args: []string{program}, Spec: service.Spec{RespawnLimit: 5}})
	main := s.up()
	check(t, os.Remove(program))
	check(t, unix.Kill(main, unix.SIGKILL))
	o := s.end()
	if o.Result.Status != 1 || o.Result.Last.Restarts != 5 || o.Result.Last.State != "failed" {
		t.Errorf("ended with %+v, %+v", o.Result, o.Result.Last)
	}
	if last := o.Result.Last.LastExit; last == nil || last.PID != main || last.Signal != 9 {
		t.Errorf("last exit %+v, want that of pid %d", last, main)
	}
	if n := strings.Count(s.log.String(), "proc "); n != strings.Count(s.log.String(), fmt.Sprintf("proc %d ", main)) {
		t.Errorf("the log tells of processes that never were:\n%s", s.log)
	}
}

// Processes that are gone before we can open them leave neither a zombie nor
// a name in the forest, and what they leave behind is found.
func TestRunGhosts(t *testing.T) {
	for name, storm := range map[string]string{
		"double forks":    "(sleep 0 &)",
		"without an exec": "( ( : & ) & )",
		"deeper":          "( ( ( ( ( : & ) & ) & ) & ) & )",
	} {
		t.Run(name, func(t *testing.T) {
			path, hear := fifo(t)
			s := begin(t, shell(fmt.Sprintf(`
				i=0; while [ $i -lt 300 ]; do %s; i=$((i+1)); done
				echo over >%s; exec sleep 1000`, storm, path), service.Spec{}))
			main := s.up()
			if got := hear(); got != "over" {
				t.Fatal(got)
			}
			st := s.await("only main is left", func(st *control.Status) bool { return slices.Equal(st.PIDs, []int{main}) })
			if st.State != "running" || st.Restarts != 0 {
				t.Errorf("status %+v", st)
			}
			eventually(t, "no zombies", func() bool { return len(zombies(s.cmd.Process.Pid)) == 0 })
		})
	}
}

// A daemon that takes each step as fast as it can is followed all the same.
func TestRunFollowsQuickDaemon(t *testing.T) {
	for range 5 {
		path, hear := fifo(t)
		s := begin(t, shell(fmt.Sprintf("( ( sleep 1000 & echo $! >%s ) & ); exit 0", path), service.Spec{Follow: service.FollowOn}))
		main := s.up()
		if daemon := pidOf(hear()); daemon != main {
			t.Errorf("main is pid %d, the daemon is %d", main, daemon)
		}
		if st := s.status(); !st.Followed || !slices.Equal(st.PIDs, []int{main}) {
			t.Errorf("status %+v", st)
		}
		s.stop()
		if unix.Kill(main, 0) != unix.ESRCH {
			t.Error("the daemon lives on")
		}
	}
}

// inNamespace is a launcher for a new pid namespace, where no connector is.
func inNamespace(t *testing.T) []string {
	t.Helper()
	launcher := []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}
	if out, err := exec.Command(launcher[0], append(launcher[1:], "true")...).CombinedOutput(); err != nil {
		unmet(t, "no pid namespace to be had: ", string(out))
	}
	return launcher
}

// Without the connector, as in a pid namespace, the children files do.
func TestRunScans(t *testing.T) {
	launcher := inNamespace(t)
	path, hear := fifo(t)
	s := begin(t, shell(fmt.Sprintf(`
		( ( i=0; while [ $i -lt 50 ]; do (sleep 0 &); i=$((i+1)); done
		echo over >%s; read x </proc/self/stat; exec sleep 1000 ) & ) ; exit 0`, path), service.Spec{Follow: service.FollowOn}), launcher...)
	main := s.up()
	hear()
	st := s.await("only main is left", func(st *control.Status) bool { return slices.Equal(st.PIDs, []int{main}) })
	if st.Tracking != "scan" || st.TrackingReason == "" || !st.Followed || st.SupervisorPID != 1 {
		t.Errorf("status %+v", st)
	}
	kill := exec.Command("nsenter", "--target", fmt.Sprint(firstChild(t, s.cmd.Process.Pid)), "--pid", "--mount", "kill", "-9", fmt.Sprint(main))
	if out, err := kill.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	hear()
	st = s.await("restarted", func(st *control.Status) bool { return st.State == "running" && len(st.PIDs) == 1 })
	if st.Restarts != 1 || st.MainPID == main {
		t.Errorf("status %+v, the old main pid is %d", st, main)
	}
	s.stop()
	if want := fmt.Sprintf("proc %d killed by signo 9", main); !strings.Contains(s.log.String(), want) {
		t.Errorf("%q is not in the log:\n%s", want, s.log)
	}
}

func firstChild(t *testing.T, pid int) int {
	t.Helper()
	pids := host.childrenOf(pid)
	if len(pids) != 1 {
		t.Fatalf("children of %d: %v", pid, pids)
	}
	return pids[0]
}
