package watch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/test/fuse"
)

// frozenEnv makes the test binary a process that keeps its memory locked: its
// value is a file that can't be read.
const frozenEnv = "WATCH_TEST_FROZEN"

// freeze locks the address space of this process. A read of /proc/self/mem holds
// the lock for as long as the page takes that it reads, and mmap waits for it
// then; behind that one all others wait.
func freeze(path string) {
	f := must(os.Open(path))
	page := must(unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE))
	mem := must(os.Open("/proc/self/mem"))
	go func() {
		var buf [1]byte
		_, _ = unix.Pread(int(mem.Fd()), buf[:], int64(addressOf(page)))
	}()
	_, _ = io.ReadAll(os.Stdin) // until it is told that the read hangs
	_, _ = unix.Mmap(-1, 0, 4096, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	os.Exit(0)
}

// freezer is a disk with files that can be mapped and not be read.
type freezer struct {
	t   *testing.T
	dir string
	fs  *fuse.FS
}

func newFreezer(t *testing.T) freezer {
	t.Helper()
	dir, fs := mountDisk(t)
	fs.Hang([]uint32{fuse.Read})
	return freezer{t, dir, fs}
}

// freeze starts such a process, with more variables.
func (d freezer) freeze(env ...string) (pid int) {
	t := d.t
	t.Helper()
	page := must(os.CreateTemp(d.dir, "page")) // of its own: one that is being read by another is waited for
	must(page.WriteString("x"))
	check(t, page.Close())
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(os.Environ(), frozenEnv+"="+page.Name()), env...)
	in, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		d.fs.Thaw() // else it can't end
		_ = cmd.Wait()
	})
	<-d.fs.Unanswered
	check(t, in.Close())
	eventually(t, "it waits in mmap", func() bool { return inCall(pid, unix.SYS_MMAP) })
	return pid
}

// inCall reports whether a thread of a process is in a system call.
func inCall(pid, call int) bool {
	for _, file := range must(filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))) {
		b, _ := os.ReadFile(file)
		if strings.HasPrefix(string(b), fmt.Sprintf("%d 0x", call)) {
			return true
		}
	}
	return false
}

func addressOf(page []byte) uintptr { return uintptr(unsafe.Pointer(&page[0])) }
