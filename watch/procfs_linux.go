package watch

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"respawner/watch/service"
)

// parentOf is the pid of a process's parent by /proc; 0 when it can't be told.
func parentOf(pid int) int {
	ppid, _ := statOf(pid)
	return ppid
}

// isZombie tells whether a process is dead, and its parent has yet to reap it.
func isZombie(pid int) bool {
	_, state := statOf(pid)
	return state == "Z"
}

func statOf(pid int) (ppid int, state string) {
	stat, err := readUpTo(fmt.Sprintf("/proc/%d/stat", pid), 4096)
	if err != nil {
		return 0, ""
	}
	if ppid, state, err = parseParent(stat); err != nil {
		return 0, ""
	}
	return ppid, state
}

// childrenOf are the children of all threads of a process (the kernel keeps
// them by thread: fs/proc/array.c, CONFIG_PROC_CHILDREN, Linux 3.5). One that
// comes or goes while they are read may be missing.
func childrenOf(pid int) []int {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is gone, and its children are ours by now
	}
	var pids []int
	for _, t := range threads {
		if b, err := os.ReadFile(dir + "/" + t.Name() + "/children"); err == nil {
			pids = append(pids, parseChildren(b)...)
		}
	}
	return pids
}

// programOf is what a process runs; parts that can't be read stay empty.
func programOf(pid int) service.Program {
	file, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	args, _ := readUpTo(fmt.Sprintf("/proc/%d/cmdline", pid), 4096)
	return service.Program{File: strings.TrimSuffix(file, " (deleted)"), Args: string(args)}
}

// programFrom is what programOf would tell of a process that was just started
// from p, and may be gone already.
func programFrom(p *Program) service.Program {
	file, args := p.Path, p.Args
	head, err := readUpTo(p.Path, 256)
	if words := interpreter(head); err == nil && len(words) > 0 {
		file, args = words[0], append(append(words, p.Path), p.Args[1:]...)
	}
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	return service.Program{File: file, Args: strings.Join(args, "\x00") + "\x00"}
}

func readUpTo(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}
