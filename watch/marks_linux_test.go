package watch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/settle"
)

// firstThreadEnv makes the test binary a process that lives on without its first thread.
const firstThreadEnv = "WATCH_TEST_FIRST_THREAD"

func init() { // which runs on the first thread (package runtime, LockOSThread)
	if os.Getenv(firstThreadEnv) != "" {
		runs := make(chan bool)
		go func() {
			close(runs)
			_, _ = unix.Poll(nil, -1)
		}()
		<-runs
		_, _, _ = unix.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
}

// A process is known by its mark at either end of its environment, by another thread's if its first one has gone, and by
// the service's output.
func TestMarksOfAProcess(t *testing.T) {
	fifo := filepath.Join(must(filepath.EvalSymlinks(t.TempDir())), "out")
	check(t, unix.Mkfifo(fifo, 0o600))
	k := mark{id: "7", output: fifo}
	threads, _ := run(t, "env", markID+"=7", firstThreadEnv+"=1", must(os.Executable()))
	last := must(os.StartProcess(must(exec.LookPath("sleep")), []string{"sleep", "1000"}, &os.ProcAttr{Env: []string{markID + "=6", markID + "=7"}}))
	defer func() { _ = last.Kill(); _, _ = last.Wait() }()
	without, _ := run(t, "env", "-i", markID+"=77", "sleep", "1000")
	keeper := must(os.OpenFile(fifo, os.O_RDWR, 0))
	defer keeper.Close()
	writer := exec.Command("env", "-i", "sleep", "1000")
	writer.Stdout = keeper
	check(t, writer.Start())
	defer func() { _ = writer.Process.Kill(); _ = writer.Wait() }()

	eventually(t, "its first thread has gone", func() bool { return must(host.statOf(threads)).state == "Z" })

	var m readers
	for pid, want := range map[int]string{threads: "7", last.Pid: "7", writer.Process.Pid: "7", without: ""} {
		eventually(t, fmt.Sprintf("%d has the mark %q", pid, want), func() bool {
			got := m.marks([]int{pid}, k)[0]
			return got.err == nil && got.text == want
		})
	}
}

// The users of a service are those of its processes that have their pids still.
func TestUsersOf(t *testing.T) {
	pid, _ := run(t, "sleep", "1000")
	start := must(host.statOf(pid)).start
	if got := usersOf(host, []settle.Found{{PID: pid, Start: start}, {PID: unused, Start: 1}}); !slices.Equal(got, []int{os.Getuid()}) {
		t.Errorf("got %v", got)
	}
	if got := usersOf(host, []settle.Found{{PID: pid, Start: start + 1}}); len(got) != 0 {
		t.Errorf("of another process with the pid: %v", got)
	}
}
