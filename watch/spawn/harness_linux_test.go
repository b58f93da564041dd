package spawn

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// ways are the two in which a program is started.
var ways = []struct {
	name string
	fork bool
}{{"clone", false}, {"fork", true}}

// eachWay runs a test in both, on a thread that has a signal blocked, as the
// caller's may have.
func eachWay(t *testing.T, test func(t *testing.T, s *Spawner[int])) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			if !way.fork && !canClone {
				t.Skip("there is no clone for this processor")
			}
			before := children() + " with " + descriptors("self")
			blockSignals(t)
			s := must(New[int](2))
			s.fork = way.fork
			test(t, s)
			check(t, s.Close())
			if s.fork != way.fork {
				t.Error("clone was refused")
			}
			if after := children() + " with " + descriptors("self"); after != before {
				t.Errorf("left %s; before it was %s", after, before)
			}
		})
	}
}

func blockSignals(t *testing.T) {
	runtime.LockOSThread()
	var set, before unix.Sigset_t
	set.Val[0] = 1<<(unix.SIGCHLD-1) | 1<<(unix.SIGTERM-1)
	check(t, unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before))
	t.Cleanup(func() {
		check(t, unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil))
		runtime.UnlockOSThread()
	})
}

// program is a command with nothing to read, and whose output is out.
func program(out *os.File, args ...string) Command {
	path := must(exec.LookPath(args[0]))
	return Command{Path: path, Args: args, Files: [3]*os.File{null, out, out}}
}

var null = must(os.OpenFile(os.DevNull, os.O_RDWR, 0))

func (s *Spawner[K]) startCommand(key K, c Command) {
	s.Start(Request[K]{Key: key, Command: func(K) (Command, error) { return c, nil }})
}

// underWay returns the pids of the children that have not got to their program yet.
func (s *Spawner[K]) underWay() (pids []int) {
	for _, st := range s.pending {
		pids = append(pids, int(st.plan.pid))
	}
	return pids
}

// next waits for an outcome.
func next[K any](t testing.TB, s *Spawner[K]) Outcome[K] {
	t.Helper()
	for {
		if out, ok := s.Take(); ok {
			return out
		}
		readable(t, s.FD())
		s.Clear()
	}
}

// ended waits until a child has ended, and returns its status.
func ended[K any](t testing.TB, out Outcome[K]) unix.WaitStatus {
	t.Helper()
	check(t, out.Err)
	readable(t, out.Pidfd)
	var status unix.WaitStatus
	if pid := must(unix.Wait4(out.Pid, &status, 0, nil)); pid != out.Pid {
		t.Errorf("reaped %d, not %d", pid, out.Pid)
	}
	check(t, unix.Close(out.Pidfd))
	return status
}

// output runs a command, and returns what it has written, and how it ended.
func output(t testing.TB, s *Spawner[int], args ...string) (string, unix.WaitStatus) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "out")
	f := must(os.Create(file))
	defer f.Close()
	s.startCommand(1, program(f, args...))
	status := ended(t, next(t, s))
	return string(must(os.ReadFile(file))), status
}
