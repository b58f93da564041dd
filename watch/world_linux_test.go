package watch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// Whatever world the supervisor was started in, the service has a clean one.
func TestRunInAHostileWorld(t *testing.T) {
	for name, launcher := range map[string][]string{
		"much ignored": {"env", "--ignore-signal=HUP,INT,QUIT,TERM,PIPE,CHLD,USR1,XFSZ,TSTP,TTIN,TTOU,CONT"},
		"all blocked":  {"env", "--block-signal"},
	} {
		t.Run(name, func(t *testing.T) {
			if out, err := exec.Command(launcher[0], append(launcher[1:], "true")...).CombinedOutput(); err != nil {
				unmet(t, launcher, ": ", string(out))
			}
			s := begin(t, shell("exec sleep 1000", service.Spec{}), launcher...)
			main := s.up()
			proc := fmt.Sprintf("/proc/%d/", main)
			blocked, ignored := statusField(t, proc, "SigBlk"), statusField(t, proc, "SigIgn")
			check(t, unix.Kill(main, unix.SIGKILL)) // and it is reaped by us, not by the kernel
			st := s.await("restarted", func(st *control.Status) bool { return st.Restarts == 1 && st.State == "running" })
			if st.LastExit == nil || st.LastExit.Signal != 9 {
				t.Errorf("last exit %+v", st.LastExit)
			}
			check(t, unix.Kill(s.cmd.Process.Pid, unix.SIGTERM))
			s.end()
			if strings.Trim(blocked, "0") != "" {
				t.Errorf("the service blocks %s", blocked)
			}
			if strings.Trim(ignored, "0") != "" {
				t.Errorf("the service ignores %s", ignored)
			}
		})
	}
}

// Signals that mean nothing are survived and told of. The sender is not known
// by the time a signal has come over: no other process must be named in its place.
func TestRunIgnoresSignals(t *testing.T) {
	s := begin(t, shell("exec sleep 1000", service.Spec{}))
	s.up()
	pid := s.cmd.Process.Pid
	for _, sig := range []unix.Signal{unix.SIGUSR2, unix.SIGPIPE} {
		check(t, unix.Kill(pid, sig))
	}
	eventually(t, "told of", func() bool { return strings.Contains(s.log.String(), "SIGUSR2") })
	s.stop()
	if strings.Contains(s.log.String(), fmt.Sprintf("from pid %d ", pid)) {
		t.Errorf("it takes itself for the sender:\n%s", s.log)
	}
}

// switches counts how often the threads of a process were woken or put off.
func switches(pid int) (sum int) {
	for _, file := range must(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))) {
		b, _ := os.ReadFile(file)
		for line := range strings.Lines(string(b)) {
			if name, value, _ := strings.Cut(line, ":"); strings.HasSuffix(name, "voluntary_ctxt_switches") {
				sum += pidOf(value)
			}
		}
	}
	return sum
}

// idle waits until a process does nothing at all for a while.
func idle(t *testing.T, pid int) {
	t.Helper()
	var counts []int
	for range 20 {
		before := switches(pid)
		time.Sleep(500 * time.Millisecond) // nothing is what must happen
		counts = append(counts, switches(pid)-before)
		if counts[len(counts)-1] == 0 {
			return
		}
	}
	t.Errorf("never idle; context switches in each half a second: %v", counts)
}

// Where no connector tells of other people's processes, a quiet service costs
// nothing at all.
func TestRunIsIdle(t *testing.T) {
	s := begin(t, shell("exec sleep 1000", service.Spec{}), inNamespace(t)...)
	s.up()
	idle(t, firstChild(t, s.cmd.Process.Pid))
}

// The log has no reader any more, as after `start -D … | head`: what is lost is
// the log.
func TestRunLogIsBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	check(t, unix.Mkfifo(path, 0o600))
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	check(t, err)
	p := shell("exec sleep 1000", service.Spec{})
	p.LogFile = path
	s := begin(t, p)
	s.up()
	check(t, reader.Close())
	check(t, unix.Kill(s.cmd.Process.Pid, unix.SIGUSR1)) // which would be told
	s.status()
}
