package watch

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// threadsEnv makes the test binary hold up as many threads as it can: its value
// is the control group that bounds it, or "user".
const threadsEnv = "WATCH_TEST_THREADS"

// A process that has made its threads runs on when all that can be held up are,
// and no more can be made.
func TestThreadsAreThereBefore(t *testing.T) {
	group := "user"
	if os.Geteuid() == 0 { // RLIMIT_NPROC does not bind root
		group = makePidsGroup(t)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), threadsEnv+"="+group)
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "alive\n" {
		t.Errorf("%v\n%.2000s", err, out)
	}
}

func makePidsGroup(t *testing.T) string {
	top := "/sys/fs/cgroup/pids"
	if _, err := os.Stat(top); err != nil {
		top = "/sys/fs/cgroup"
		if err := os.WriteFile(top+"/cgroup.subtree_control", []byte("+pids"), 0); err != nil {
			unmet(t, err)
		}
	}
	dir := fmt.Sprintf("%s/watch-test-%d", top, os.Getpid())
	if err := os.Mkdir(dir, 0o755); err != nil {
		unmet(t, err)
	}
	t.Cleanup(func() { eventually(t, dir+" is empty", func() bool { return os.Remove(dir) == nil }) })
	return dir
}

// heldUp are the loop, and what keeps the output and the log and removes files.
const heldUp = 4

// holdUpThreads is a supervisor as far as threads go.
func holdUpThreads(group string) {
	runtime.GOMAXPROCS(1)
	CatchSignals()
	makeThreads()
	bound(group)
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		panic(err)
	}
	for range heldUp {
		go func() {
			_, _ = unix.Read(pipe[0], make([]byte, 1)) // for ever
		}()
	}
	for inRead() < heldUp {
		runtime.GC()
	}
	fmt.Println("alive")
	os.Exit(0)
}

// bound has no thread or process be made any more.
func bound(group string) {
	if group == "user" {
		check := unix.Setrlimit(unix.RLIMIT_NPROC, &unix.Rlimit{})
		if check != nil {
			panic(check)
		}
		return
	}
	for file, text := range map[string]string{"cgroup.procs": fmt.Sprint(os.Getpid()), "pids.max": "1"} {
		if err := os.WriteFile(filepath.Join(group, file), []byte(text), 0); err != nil {
			panic(err)
		}
	}
}

// inRead counts our threads that are in read(2).
func inRead() (n int) {
	for _, file := range must(filepath.Glob("/proc/self/task/*/syscall")) {
		b, _ := os.ReadFile(file) // which is itself in read
		if strings.HasPrefix(string(b), fmt.Sprintf("%d 0x", unix.SYS_READ)) {
			n++
		}
	}
	return n
}
