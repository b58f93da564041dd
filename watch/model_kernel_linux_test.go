package watch

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/timer"
	"respawner/watch/service"
)

// What a supervisor asks of the model, as the kernel interface has it.

// enter is called by each system call: the rest of the machine has had some
// time meanwhile.
func (m *model) enter(call string, args ...any) {
	m.life.trace(call, args)
	m.time += time.Duration(1+m.chance.IntN(20)) * time.Microsecond
	if m.busy++; m.busy > 200_000 {
		m.life.violated("the supervisor spins: %d system calls without a rest", m.busy)
	}
	for m.one(4) {
		m.happen()
	}
	if m.life.chaos && m.life.mayDie && m.one(3000) {
		panic(killed{})
	}
}

// killed is what the supervisor panics with when it is killed.
type killed struct{}

// open gives an object a descriptor.
func (m *model) open(object any) int {
	m.next++
	m.files[m.next] = object
	return m.next
}

// epollSet is what the loop waits for.
type epollSet struct {
	events map[int]unix.EpollEvent // by descriptor
}

func (m *model) newEpoll() (int, error) {
	m.epoll = &epollSet{map[int]unix.EpollEvent{}}
	return m.open(m.epoll), nil
}

func (m *model) epollCtl(_, op, fd int, ev *unix.EpollEvent) error {
	m.enter("epoll_ctl", op, fd)
	if m.files[fd] == nil {
		return unix.EBADF
	}
	_, in := m.epoll.events[fd]
	switch {
	case op == unix.EPOLL_CTL_ADD && in:
		return unix.EEXIST
	case op != unix.EPOLL_CTL_ADD && !in:
		return unix.ENOENT
	case op == unix.EPOLL_CTL_ADD && m.fails():
		return unix.ENOSPC
	case op == unix.EPOLL_CTL_DEL:
		delete(m.epoll.events, fd)
	default:
		m.epoll.events[fd] = *ev
	}
	return nil
}

// epollWait has the world go on until something is ready.
func (m *model) epollWait(_ int, events []unix.EpollEvent) (int, error) {
	m.enter("epoll_wait")
	m.life.turned()
	for {
		ready := m.ready()
		if len(ready) > 0 && (m.one(2) || !m.life.chaos) {
			m.chance.Shuffle(len(ready), func(i, j int) { ready[i], ready[j] = ready[j], ready[i] })
			m.life.trace("ready", []any{len(ready)})
			return copy(events, ready), nil
		}
		if m.happen() {
			continue
		}
		if len(ready) == 0 {
			m.rest()
		}
	}
}

// ready are the descriptors that are, in order.
func (m *model) ready() (out []unix.EpollEvent) {
	var fds []int
	for fd := range m.epoll.events {
		fds = append(fds, fd)
	}
	slices.Sort(fds)
	for _, fd := range fds {
		ev := m.epoll.events[fd]
		if now := m.state(fd) & (ev.Events | unix.EPOLLHUP); now != 0 {
			ev.Events = now
			out = append(out, ev)
		}
	}
	return out
}

// state is what a descriptor is ready for.
func (m *model) state(fd int) (events uint32) {
	ready := false
	switch f := m.files[fd].(type) {
	case *task:
		if f.reaped && m.knobs.hangUp {
			events = unix.EPOLLHUP
		}
		ready = f.dead
	case interface{ readable() bool }:
		ready = f.readable()
	}
	if ready {
		events |= unix.EPOLLIN
	}
	return events
}

// rest is when nothing happens by itself: the clock moves on to the next
// deadline. Without one the life is at its end.
func (m *model) rest() {
	m.busy = 0
	at, ok := m.timers.queue.Next()
	if m.life.resting(at, ok) {
		return
	}
	if !ok {
		m.life.violated("the supervisor sleeps for ever")
	}
	m.time += max(0, at.Sub(m.now()))
}

func (m *model) closeFD(fd int) error {
	m.enter("close", fd)
	if m.files[fd] == nil {
		return unix.EBADF
	}
	delete(m.files, fd)
	delete(m.epoll.events, fd)
	return nil
}

// now is a time as Go has it, with a reading of CLOCK_MONOTONIC, by which two are
// compared though the wall clock was set between. There is no other way to make
// one but to know how it is laid out.
func (m *model) now() time.Time {
	t := time.Now()
	t = t.Add(m.wall.Add(m.time).Sub(t))
	(*struct {
		wall uint64
		mono int64
		zone *time.Location
	})(unsafe.Pointer(&t)).mono = int64(m.time)
	return t
}

func (m *model) monotonic() time.Duration { return m.time }

func (m *model) uptime() time.Duration { return m.time + m.slept }

func (m *model) getpid() int { return m.self.pid }

func (m *model) becomeSubreaper() error {
	m.self.reaper = true
	return nil
}

func (m *model) openPidfd(pid int) (int, error) {
	m.enter("pidfd_open", pid)
	t := m.tasks[pid]
	switch {
	case m.fails():
		return -1, fmt.Errorf("pidfd_open: %w", unix.EMFILE)
	case t == nil:
		return -1, errGone
	}
	return m.open(t), nil
}

// process is whom a pidfd was opened for.
func (m *model) process(pidfd int) *task {
	t, ok := m.files[pidfd].(*task)
	if !ok {
		m.life.violated("descriptor %d is no pidfd", pidfd)
	}
	return t
}

func (m *model) inodeOf(pidfd int) (uint64, error) { return m.process(pidfd).inode, nil }

func (m *model) isReadable(pidfd int) bool {
	m.enter("poll", pidfd)
	return m.process(pidfd).dead
}

func (m *model) sendSignal(pidfd int, sig unix.Signal) error {
	m.enter("pidfd_send_signal", pidfd, int(sig))
	t := m.process(pidfd)
	if t.reaped {
		return nil
	}
	if !t.ours {
		m.life.violated("%v is sent to a stranger, pid %d", sig, t.pid)
	}
	if sig == unix.SIGKILL {
		m.life.checkKill()
	}
	m.signal(t, sig)
	return nil
}

func (m *model) endOf(pidfd int) (service.Exit, error) {
	m.enter("waitid", pidfd)
	t := m.process(pidfd)
	switch {
	case t.parent != m.self:
		return service.Exit{}, errNotOurs
	case !t.dead || t.traced:
		return service.Exit{}, errNotEnded
	}
	return exitOf(uint32(t.status)), nil
}

func (m *model) reap(pidfd int) error {
	m.enter("reap", pidfd)
	t := m.process(pidfd)
	if t.parent != m.self {
		return unix.ECHILD
	}
	if t.dead && !t.traced {
		m.reapTask(t)
	}
	return nil
}

func (m *model) exitInfo(pidfd int) (service.Exit, bool) {
	m.enter("exit info", pidfd)
	t := m.process(pidfd)
	if !t.reaped || !m.knobs.exitInfo {
		return service.Exit{}, false
	}
	return exitOf(uint32(t.status)), true
}

func (m *model) isGone(pid int) bool {
	m.enter("getpgid", pid)
	return m.tasks[pid] == nil
}

func (m *model) hasChildren() bool {
	m.enter("waitid any")
	return len(m.self.children) > 0
}

func (m *model) deadChild() (int, error) {
	m.enter("waitid any")
	for _, t := range m.self.children {
		if t.dead && !t.traced {
			return t.pid, nil
		}
	}
	return 0, nil
}

func (m *model) canScan() error { return nil }

func (m *model) allPids() ([]int, error) {
	m.enter("readdir /proc")
	return slices.Clone(m.pids), nil
}

var errNoTask = errors.New("no such file or directory")

func (m *model) statOf(pid int) (procStat, error) {
	m.enter("stat", pid)
	t := m.tasks[pid]
	if t == nil {
		return procStat{}, errNoTask
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

// childrenOf may miss somebody whose elder sibling ends while it is read.
func (m *model) childrenOf(pid int) (pids []int) {
	m.enter("children", pid)
	t := m.tasks[pid]
	if t == nil {
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

func (m *model) fileOf(pid int) string { return m.programOf(pid).File }

func (m *model) programOf(pid int) (p service.Program) {
	m.enter("exe", pid)
	if t := m.tasks[pid]; t != nil && !t.dead {
		p = t.program
	}
	return p
}

func (m *model) environOf(pid int) ([]byte, error) {
	m.enter("environ", pid)
	if t := m.tasks[pid]; t != nil && !t.dead {
		return []byte(t.env), nil
	}
	return nil, errNoTask
}

func (m *model) bootID() string { return "boot" }

// modelTimers are a timer.Timer on the model's clock.
type modelTimers struct {
	m      *model
	queue  timer.Queue[deadline]
	number int
}

func (m *model) newTimers() (timers, error) {
	m.timers = &modelTimers{m: m}
	m.timers.number = m.open(m.timers)
	return m.timers, nil
}

func (t *modelTimers) FD() int { return t.number }

func (t *modelTimers) readable() bool {
	at, ok := t.queue.Next()
	return ok && !at.After(t.m.now())
}

func (t *modelTimers) Set(key deadline, at time.Time) error {
	t.queue.Set(key, at)
	return nil
}

func (t *modelTimers) Clear(key deadline) error {
	t.queue.Clear(key)
	return nil
}

func (t *modelTimers) Expired(now time.Time, due func(deadline)) error {
	for range t.queue.Len() {
		if key, ok := t.queue.Pop(now); ok {
			due(key)
		}
	}
	return nil
}

func (t *modelTimers) Close() error {
	delete(t.m.files, t.number)
	return nil
}
