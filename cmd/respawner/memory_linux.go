package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// readMemory reads a small file of /proc that is about the memory of a process. The process can
// keep that locked for as long as it likes. readMemory reports whether there was an answer.
var readMemory = (&memoryReads{open: map[string]bool{}}).read

// memoryReads are such reads. Those that are waited for no more are left behind, and not
// begun again until they return.
type memoryReads struct {
	mu   sync.Mutex
	open map[string]bool // those under way
}

// maxMemoryReads is how many there may be: more than those are not begun. That bounds what
// is waited for in all.
const maxMemoryReads = 8

// How long the read of a command line may take, and that of how much memory there is, which
// takes its time with a process that has much.
const (
	linePatience = 40 * time.Millisecond
	pssPatience  = 300 * time.Millisecond
)

func (r *memoryReads) read(pid int, file string, patience time.Duration) (content []byte, answered bool) {
	key := fmt.Sprint(pid, file)
	if !r.begin(key) {
		return nil, false
	}
	result := make(chan []byte, 1)
	go func() {
		content := readProc(pid, file)
		r.end(key)
		result <- content
	}()
	select {
	case content = <-result:
		return content, true
	case <-time.After(patience):
		return nil, false
	}
}

func (r *memoryReads) begin(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[key] || len(r.open) == maxMemoryReads {
		return false
	}
	r.open[key] = true
	return true
}

func (r *memoryReads) end(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, key)
}

// fileOf returns the executable of a process, or a question mark.
func fileOf(pid int) string {
	file, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return "?"
	}
	return strings.TrimSuffix(file, " (deleted)")
}
