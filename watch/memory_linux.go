package watch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// What /proc tells of a process is of two kinds. Its environ and cmdline are in
// its own memory: to read them the kernel locks its address space
// (access_remote_vm), which a process can keep locked for as long as it likes,
// for one by a page of a file system that does not answer. All else that is
// read here takes no such lock: stat, status, statm, comm, exe, children, and
// getsid and pidfd_open (TestFrozenProcess tries them all).

// memories is the room of what is in the memory of processes. One search goes on
// at a time, as an errand. A reader that is stuck is left behind, with its
// thread, and another one goes on after it.
type memories interface {
	// environs returns what the environments of processes say for a variable, ""
	// for one that has it not.
	environs(pids []int, variable string) []memory
	// marks returns the ID of a service for each process that has one of its marks, else "".
	marks(pids []int, m mark) []memory
	// args returns the arguments of processes as /proc/PID/cmdline has them.
	args(pids []int) []memory
}

// mark is what the processes of a service have from their birth. They can do away with it.
type mark struct {
	id     string // in the environment
	output string // the FIFO of the service's output, as /proc/PID/fd names it; "" where there is none
}

// readers are the memories of the real kernel.
type readers struct{ left []*reader } // behind

func (linux) newMemories() memories { return &readers{} }

// memory is what was read of a process.
type memory struct {
	pid   int
	start time.Duration // of the process that it was read of
	text  string
	err   error // errFrozen, errUnread, errOther, errZombie, or why it can't be read
}

// What is told of a process that was not read. None of that says that
// the process is dead, or of another service.
var (
	errFrozen = errors.New("it keeps its memory locked")
	errOther  = errors.New("another process has the pid")
	errUnread = errors.New("not looked at: too many others keep their memory locked")
	errZombie = errors.New("it has ended, and has no memory any more")
)

// memoryReaders is how many threads frozen processes may hold up.
const memoryReaders = 4

// How long a process may take, and all of them.
const (
	memoryPatience = 20 * time.Millisecond
	searchPatience = time.Second
)

// reader reads the memory of some processes, one after the other.
type reader struct {
	results chan memory  // has room for all
	thread  atomic.Int32 // its thread, 0 before it runs
	left    atomic.Bool  // it is left behind: what it reads is not wanted any more
	done    atomic.Bool
	on      memory // when it is left behind: the process that it is stuck at
}

func (m *readers) environs(pids []int, variable string) []memory {
	return m.search(pids, linux{}.statOf, func(pid int) (string, error) {
		env, err := environOf(pid)
		return valueOf(env, variable), err
	})
}

func (m *readers) marks(pids []int, k mark) []memory {
	return m.search(pids, linux{}.statOf, func(pid int) (string, error) {
		env, err := environOf(pid)
		if k.isIn(env) || k.output != "" && writesTo(pid, k.output) {
			return k.id, nil
		}
		return "", err
	})
}

// isIn reports whether an environment has the mark, be it only at its end.
func (k mark) isIn(env []byte) bool {
	want := []byte(markID + "=" + k.id)
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if bytes.Equal(v, want) {
			return true
		}
	}
	return false
}

// environOf reads the environment of a process. A process lives without its first thread as long as it has another one,
// by which its memory can be read.
func environOf(pid int) ([]byte, error) {
	env, err := readUpTo(fmt.Sprintf("/proc/%d/environ", pid), maxEnviron)
	if len(env) > 0 {
		return env, nil
	}
	threads, _ := pidsIn(fmt.Sprintf("/proc/%d/task", pid))
	for _, tid := range threads {
		if env, _ = readUpTo(fmt.Sprintf("/proc/%d/task/%d/environ", pid, tid), maxEnviron); len(env) > 0 {
			return env, nil
		}
	}
	return nil, err
}

// maxEnviron bounds what is read of an environment, in bytes.
const maxEnviron = 1 << 20

// writesTo reports whether the stdout or stderr of a process is a file, as /proc names it. A link there is read without
// a look at the file.
func writesTo(pid int, file string) bool {
	for _, fd := range []int{1, 2} {
		if link, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); link == file {
			return true
		}
	}
	return false
}

func (m *readers) args(pids []int) []memory {
	return m.search(pids, linux{}.statOf, func(pid int) (string, error) {
		b, err := readUpTo(fmt.Sprintf("/proc/%d/cmdline", pid), 4096)
		return string(b), err
	})
}

// search reads the memory of processes; get says what of it. It returns an answer
// for each of them, in order: after as many patiences as there are readers at
// most, and searchPatience in all.
func (m *readers) search(pids []int, stat func(int) (procStat, error), get func(int) (string, error)) []memory {
	m.left = slices.DeleteFunc(m.left, func(r *reader) bool { return r.done.Load() })
	todo, out := m.passOver(pids, stat)
	end := time.Now().Add(searchPatience)
	for len(todo) > 0 && len(m.left) < memoryReaders && time.Now().Before(end) {
		read, frozen := m.readOn(todo, stat, get, end)
		out, todo = append(out, read...), todo[len(read):]
		if frozen {
			out = append(out, memory{pid: todo[0], start: m.left[len(m.left)-1].on.start, err: errFrozen})
			todo = todo[1:]
		}
	}
	for _, pid := range todo {
		out = append(out, memory{pid: pid, err: errUnread})
	}
	slices.SortStableFunc(out, func(a, b memory) int { return slices.Index(pids, a.pid) - slices.Index(pids, b.pid) })
	return out
}

// passOver takes those out that have a reader stuck already.
func (m *readers) passOver(pids []int, stat func(int) (procStat, error)) (todo []int, out []memory) {
	for _, pid := range pids {
		i := slices.IndexFunc(m.left, func(r *reader) bool { return r.on.pid == pid })
		if i >= 0 {
			if now, err := stat(pid); err == nil && now.start == m.left[i].on.start {
				out = append(out, m.left[i].on)
				continue
			}
		}
		todo = append(todo, pid)
	}
	return todo, out
}

// readOn has a reader read until all is done, or it is stuck: then it is left
// behind, with the next one of pids that is not in read.
func (m *readers) readOn(pids []int, stat func(int) (procStat, error), get func(int) (string, error), end time.Time) (read []memory, frozen bool) {
	r := &reader{results: make(chan memory, len(pids))}
	go r.run(pids, stat, get)
	patience := time.NewTimer(memoryPatience)
	defer patience.Stop()
	for len(read) < len(pids) {
		select {
		case got := <-r.results:
			read = append(read, got)
			patience.Reset(min(memoryPatience, time.Until(end)))
			continue
		case <-patience.C:
		}
		if time.Now().Before(end) && !r.isStuck() { // the machine is busy
			patience.Reset(memoryPatience)
			continue
		}
		r.left.Store(true)
		now, _ := stat(pids[len(read)]) // a dead one has no start, and is not passed over
		r.on = memory{pid: pids[len(read)], start: now.start, err: errFrozen}
		m.left = append(m.left, r)
		return read, true
	}
	return read, false
}

func (r *reader) run(pids []int, stat func(int) (procStat, error), get func(int) (string, error)) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer r.done.Store(true)
	r.thread.Store(int32(unix.Gettid()))
	for _, pid := range pids {
		if r.left.Load() {
			return
		}
		r.results <- readMemory(pid, stat, get)
	}
}

// isStuck reports whether a reader waits in the kernel. One that waits for a processor, the machine's or that of
// Go's runtime (by a futex), only needs more time.
func (r *reader) isStuck() bool {
	thread := r.thread.Load()
	if thread == 0 {
		return false
	}
	call, _ := readUpTo(fmt.Sprintf("/proc/self/task/%d/syscall", thread), 256)
	return !bytes.HasPrefix(call, []byte("running")) && !bytes.HasPrefix(call, fmt.Appendf(nil, "%d ", unix.SYS_FUTEX))
}

// readMemory reads between two looks at which process has the pid.
func readMemory(pid int, stat func(int) (procStat, error), get func(int) (string, error)) memory {
	m := memory{pid: pid}
	before, err := stat(pid)
	if err == nil {
		m.text, err = get(pid)
	}
	after, errAfter := stat(pid)
	switch err = errors.Join(err, errAfter); {
	case err != nil:
	case before.start != after.start:
		err = errOther
	case after.state == "Z" && m.text == "": // else other threads of it live
		err = errZombie
	}
	m.start, m.err = before.start, err
	return m
}
