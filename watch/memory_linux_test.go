package watch

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// answers reports whether something comes about; what does not is let go when
// the disk goes.
func answers(within time.Duration, what func()) bool {
	done := make(chan struct{})
	go func() { what(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(within):
		return false
	}
}

// A process that keeps its address space locked: environ and cmdline of it are
// not to be had, all else that is asked for on the loop is.
func TestFrozenProcess(t *testing.T) {
	pid := newFreezer(t).freeze()
	for name, look := range map[string]func(){
		"environ": func() { _, _ = readUpTo(fmt.Sprintf("/proc/%d/environ", pid), 4096) },
		"cmdline": func() { _, _ = readUpTo(fmt.Sprintf("/proc/%d/cmdline", pid), 4096) },
	} {
		if answers(200*time.Millisecond, look) {
			t.Errorf("%s was read: the process is not frozen", name)
		}
	}
	for name, look := range map[string]func(){
		"stat":       func() { _, _ = host.statOf(pid) },
		"exe":        func() { _ = host.fileOf(pid) },
		"children":   func() { _ = host.childrenOf(pid) },
		"getsid":     func() { _, _ = host.sessionOf(pid) },
		"status":     func() { _, _ = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) },
		"comm":       func() { _, _ = os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) },
		"statm":      func() { _, _ = os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid)) },
		"pidfd_open": func() { check(t, unix.Close(must(host.openPidfd(pid)))) },
	} {
		if !answers(patient, look) {
			t.Errorf("%s blocks", name)
		}
	}
}

// What is beside frozen processes is read all the same, those are told as
// frozen, and each holds up one thread, once.
func TestMemoriesPassFrozenProcesses(t *testing.T) {
	d := newFreezer(t)
	mark := markID + "=" + t.Name()
	first, _ := run(t, "env", mark, "sleep", "1000")
	var icy []int
	for range memoryReaders - 1 {
		icy = append(icy, d.freeze(mark))
	}
	last, _ := run(t, "env", mark, "sleep", "1000")
	eventually(t, "they have exec'ed", func() bool { return marksOf(first) == t.Name() && marksOf(last) == t.Name() })
	pids := append(append([]int{first}, icy...), unused, last)

	var m readers
	for round := range 3 {
		began := time.Now()
		got := m.environs(pids, markID)
		t.Logf("round %d took %v", round, time.Since(began))
		for i, r := range got {
			stat, _ := host.statOf(pids[i])
			if r.pid != pids[i] || r.start != stat.start {
				t.Errorf("%d is %+v", pids[i], r)
			}
			switch r.pid {
			case first, last:
				if r.err != nil || r.text != t.Name() {
					t.Errorf("%+v", r)
				}
			case unused:
				if !errors.Is(r.err, os.ErrNotExist) {
					t.Errorf("of no process: %+v", r)
				}
			default:
				if !errors.Is(r.err, errFrozen) {
					t.Errorf("of a frozen one: %+v", r)
				}
			}
		}
		if len(m.left) != len(icy) {
			t.Errorf("%d readers are left behind", len(m.left))
		}
	}
	if r := m.args(icy[:1])[0]; !errors.Is(r.err, errFrozen) || len(m.left) != len(icy) {
		t.Errorf("its arguments: %+v, %d readers", r, len(m.left))
	}
	if r := m.args([]int{last})[0]; r.err != nil || r.text != "sleep\x001000\x00" {
		t.Errorf("the arguments of the last one: %+v", r)
	}
}

// More of them are not looked at; when they thaw all is read.
func TestMemoriesAreBounded(t *testing.T) {
	d := newFreezer(t)
	var pids []int
	for range memoryReaders + 2 {
		pids = append(pids, d.freeze())
	}
	var m readers
	for i, r := range m.environs(pids, "PATH") {
		want := errFrozen
		if i >= memoryReaders {
			want = errUnread
		}
		if !errors.Is(r.err, want) {
			t.Errorf("the %dth: %+v", i, r)
		}
	}
	left := m.left
	d.fs.Thaw()
	eventually(t, "the readers have ended", func() bool {
		for _, r := range left {
			if !r.done.Load() {
				return false
			}
		}
		return true
	})
	sleeper, _ := run(t, "sleep", "1000")
	if got := m.environs([]int{sleeper}, "PATH"); got[0].err != nil || len(m.left) != 0 {
		t.Errorf("after that: %+v, %d readers", got, len(m.left))
	}
}

func marksOf(pid int) string {
	env, _ := readUpTo(fmt.Sprintf("/proc/%d/environ", pid), 4096)
	return valueOf(env, markID)
}
