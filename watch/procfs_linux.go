package watch

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"respawner/watch/safepath"
	"respawner/watch/service"
)

func (linux) statOf(pid int) (procStat, error) {
	b, err := readUpTo(fmt.Sprintf("/proc/%d/stat", pid), 4096)
	if err != nil {
		return procStat{}, err
	}
	return parseStat(b)
}

// canScan returns nil where childrenOf works.
func (k linux) canScan() error {
	if _, err := k.statOf(os.Getpid()); err != nil {
		return fmt.Errorf("/proc can't be read: %w", err)
	}
	return nil
}

// hasChildrenFiles reports whether the kernel has them (CONFIG_PROC_CHILDREN).
var hasChildrenFiles = sync.OnceValue(func() bool {
	_, err := os.Stat("/proc/thread-self/children")
	return err == nil
})

// childrenOf are the children of a process. One that comes or goes while they
// are read may be missing.
func (k linux) childrenOf(pid int) []int {
	if hasChildrenFiles() {
		return listedChildren(pid)
	}
	return k.searchedChildren(pid)
}

// listedChildren reads the children files. The kernel keeps them by thread
// (fs/proc/array.c, CONFIG_PROC_CHILDREN, Linux 3.5).
func listedChildren(pid int) []int {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := pidsIn(dir)
	if err != nil {
		return nil // it is gone, and its children are ours by now
	}
	var pids []int
	for _, tid := range threads {
		if b, err := readUpTo(fmt.Sprintf("%s/%d/children", dir, tid), maxChildren); err == nil {
			pids = append(pids, parseChildren(b)...)
		}
	}
	return pids
}

// maxChildren bounds a children file, in bytes: pid_max is at most 4194304.
const maxChildren = 4194304 * len("4194304 ")

// searchedChildren reads the parent of every process.
func (k linux) searchedChildren(pid int) []int {
	all, err := k.allPids()
	if err != nil {
		return nil // canScan has looked: it can be read
	}
	return slices.DeleteFunc(all, func(child int) bool { stat, _ := k.statOf(child); return stat.ppid != pid })
}

func (linux) allPids() ([]int, error) { return pidsIn("/proc") }

// uidOf is the real user of a process.
func (linux) uidOf(pid int) (int, error) {
	b, err := readUpTo(fmt.Sprintf("/proc/%d/status", pid), 4096)
	if err != nil {
		return 0, err
	}
	return parseUID(b)
}

// sessionOf is the session of a process (getsid).
func (linux) sessionOf(pid int) (int, error) { return unix.Getsid(pid) }

// pidsIn lists the entries of a folder that are numbers.
func pidsIn(dir string) (pids []int, err error) {
	fd, err := open(dir, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var buf [4096]byte
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		if n <= 0 || err != nil {
			return pids, err
		}
		_, _, names := unix.ParseDirent(buf[:n], -1, nil)
		for _, name := range names {
			if pid, err := strconv.Atoi(name); err == nil {
				pids = append(pids, pid)
			}
		}
	}
}

// fileOf is the executable that a process runs; "" if it can't be read.
func (linux) fileOf(pid int) string {
	file, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	return strings.TrimSuffix(file, " (deleted)")
}

// programFrom is what a process runs that was just started from p, and may be
// gone already.
func programFrom(p *Program) service.Program {
	file, args := p.Path, p.Args
	if words := interpreter(headOf(p.Path)); len(words) > 0 {
		file, args = words[0], append(append(words, p.Path), p.Args[1:]...)
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	return service.Program{File: file, Args: strings.Join(args, "\x00") + "\x00"}
}

// headOf returns the beginning of a program's file, as far as it tells the
// interpreter; empty if it can't be read.
func headOf(path string) []byte {
	f, err := safepath.OpenProgram(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 256)) // or as much as can be read
	return head
}

// readUpTo reads the beginning of a file. With package os each time would leave
// a kB of garbage, and a scan reads very many.
func readUpTo(path string, limit int) ([]byte, error) {
	fd, err := open(path, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var buf [4096]byte
	var content []byte
	for len(content) < limit {
		n, err := unix.Read(fd, buf[:min(len(buf), limit-len(content))])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &os.PathError{Op: "read", Path: path, Err: err}
		case n == 0:
			return content, nil
		default:
			content = append(content, buf[:n]...)
		}
	}
	return content, nil
}

func open(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|flags, 0)
		switch err {
		case unix.EINTR:
		case nil:
			return fd, nil
		default:
			return -1, &os.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
