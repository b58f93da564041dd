package watch

import (
	"errors"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// What /proc of the model tells.

func (m *model) canScan() error { return nil }

func (m *model) allPids() ([]int, error) {
	m.enter("readdir /proc")
	return slices.DeleteFunc(slices.Clone(m.pids), func(pid int) bool {
		_, err := m.look(pid, false)
		return err != nil
	}), nil
}

var errNoTask = errors.New("no such file or directory")

// look finds a process in /proc. What is deep can be read by its owner alone.
func (m *model) look(pid int, deep bool) (*task, error) {
	t := m.tasks[pid]
	switch k := m.knobs; {
	case t == nil:
		return nil, errNoTask
	case t.secret && k.hidepid == 2:
		return nil, errNoTask
	case t.secret && k.hidepid == 1:
		return nil, unix.EPERM
	case t.secret && deep:
		return nil, unix.EACCES
	}
	return t, nil
}

func (m *model) statOf(pid int) (procStat, error) {
	m.enter("stat", pid)
	t, err := m.look(pid, false)
	if err != nil {
		return procStat{}, err
	}
	stat := procStat{state: "S", start: t.start} // exact, for here a pid does come round within a tick
	if t.parent != nil {
		stat.ppid = t.parent.pid
	}
	if t.dead {
		stat.state = "Z"
	}
	return stat, nil
}

// childrenOf may miss a child when an elder sibling of it ends while it is read.
func (m *model) childrenOf(pid int) (pids []int) {
	m.enter("children", pid)
	t, err := m.look(pid, false)
	if err != nil {
		return nil
	}
	for i := 0; i < len(t.children); i++ {
		pids = append(pids, t.children[i].pid)
		if m.one(8) {
			m.happen()
		}
	}
	return pids
}

func (m *model) sessionOf(pid int) (int, error) {
	m.enter("getsid", pid)
	if t := m.tasks[pid]; t != nil {
		return t.session, nil
	}
	return 0, unix.ESRCH
}

func (m *model) receptionOf(pid int, _ unix.Signal) (reception, error) {
	m.enter("status", pid)
	_, err := m.look(pid, false)
	return reception{disposition: handled}, err
}

func (m *model) fileOf(pid int) string { return m.programOf(pid).File }

func (m *model) programOf(pid int) (p service.Program) {
	m.enter("exe", pid)
	if t, err := m.lookDeep(pid); err == nil {
		p = t.program
	}
	return p
}

// lookDeep finds a process that has a memory.
func (m *model) lookDeep(pid int) (*task, error) {
	t, err := m.look(pid, true)
	if err == nil && t.dead {
		err = errNoTask
	}
	return t, err
}

func (m *model) newMemories() memories { return m }

func (m *model) environs(pids []int, variable string) []memory {
	return m.read(pids, func(pid int) (string, error) {
		m.enter("environ", pid)
		t, err := m.lookDeep(pid)
		if err != nil {
			return "", err
		}
		return valueOf([]byte(t.env), variable), nil
	})
}

func (m *model) marks(pids []int, k mark) []memory { return m.environs(pids, markID) }

func (m *model) uidOf(pid int) (int, error) {
	m.enter("status", pid)
	_, err := m.look(pid, false)
	return os.Getuid(), err
}

func (m *model) args(pids []int) []memory {
	return m.read(pids, func(pid int) (string, error) {
		m.enter("cmdline", pid)
		t, err := m.lookDeep(pid)
		if err != nil {
			return "", err
		}
		return t.program.Args, nil
	})
}

// read reads the memory of processes, one after the other, while the world goes on.
func (m *model) read(pids []int, get func(int) (string, error)) (out []memory) {
	for _, pid := range pids {
		out = append(out, readMemory(pid, m.statOf, get))
	}
	return out
}

func (m *model) bootID() string { return "boot" }
