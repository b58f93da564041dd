package watch

import (
	"fmt"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// What a supervisor asks of the model, as the kernel interface has it.

// enter is called by each system call: the rest of the machine has had some
// time meanwhile.
func (m *model) enter(call string, args ...int) {
	if m.life.tracing {
		m.life.tell(fmt.Sprint("  ", call, " ", slices.Clone(args))) // args itself stays on the stack
	}
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

// file is what a descriptor is of. poll returns what it is ready for.
type file interface{ poll() (events uint32) }

func pollIn(is bool) uint32 {
	if is {
		return unix.EPOLLIN
	}
	return 0
}

// open gives a file a descriptor.
func (m *model) open(f file) int {
	m.files = append(m.files, f)
	return len(m.files) - 1
}

// file is nil for a descriptor that is closed.
func (m *model) file(fd int) file {
	if fd < 0 || fd >= len(m.files) {
		return nil
	}
	return m.files[fd]
}

// drop closes a descriptor, if it is open. epoll forgets it.
func (m *model) drop(fd int) {
	if m.file(fd) == nil {
		return
	}
	m.files[fd] = nil
	if i, in := m.epoll.find(fd); in {
		m.epoll.entries = slices.Delete(m.epoll.entries, i, i+1)
	}
}

// epollSet is what the loop waits for.
type epollSet struct {
	entries []epollEntry // by descriptor
	ready   []unix.EpollEvent
}

type epollEntry struct {
	fd   int
	ev   unix.EpollEvent
	told int // of an edge-triggered pidfd: how often it had stirred when that was told
}

func (m *model) newEpoll() (int, error) {
	m.epoll = &epollSet{}
	return m.open(m.epoll), nil
}

func (e *epollSet) poll() uint32 { return 0 }

func (e *epollSet) find(fd int) (at int, in bool) {
	return slices.BinarySearchFunc(e.entries, fd, func(x epollEntry, fd int) int { return x.fd - fd })
}

func (m *model) epollCtl(_, op, fd int, ev *unix.EpollEvent) error {
	m.enter("epoll_ctl", op, fd)
	if m.file(fd) == nil {
		return unix.EBADF
	}
	e := m.epoll
	at, in := e.find(fd)
	switch {
	case op == unix.EPOLL_CTL_ADD && in:
		return unix.EEXIST
	case op != unix.EPOLL_CTL_ADD && !in:
		return unix.ENOENT
	case op == unix.EPOLL_CTL_ADD && m.fails():
		return unix.ENOSPC
	case op == unix.EPOLL_CTL_DEL:
		e.entries = slices.Delete(e.entries, at, at+1)
	case in:
		e.entries[at].ev = *ev
	default:
		e.entries = slices.Insert(e.entries, at, epollEntry{fd: fd, ev: *ev})
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
			m.epoll.tell(m, ready)
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
func (m *model) ready() []unix.EpollEvent {
	e := m.epoll
	e.ready = e.ready[:0]
	for i := range e.entries {
		x := &e.entries[i]
		now := m.files[x.fd].poll() & (x.ev.Events | unix.EPOLLHUP)
		if p, is := m.files[x.fd].(*pidfd); is && x.ev.Events&unix.EPOLLET != 0 && x.told == p.stirs {
			now = 0
		}
		if now != 0 {
			ev := x.ev
			ev.Events = now
			e.ready = append(e.ready, ev)
		}
	}
	return e.ready
}

// tell notes what is told of pidfds that are edge-triggered.
func (e *epollSet) tell(m *model, ready []unix.EpollEvent) {
	for _, ev := range ready {
		for i := range e.entries {
			x := &e.entries[i]
			if p, is := m.files[x.fd].(*pidfd); is && x.ev.Fd == ev.Fd {
				x.told = p.stirs
			}
		}
	}
}

// pidfd is a process's.
type pidfd struct {
	*task
	hangsUp bool
}

func (p *pidfd) poll() uint32 {
	switch {
	case !p.dead:
		return 0
	case p.reaped && p.hangsUp:
		return unix.EPOLLIN | unix.EPOLLHUP
	}
	return unix.EPOLLIN
}

// openTask gives a process a pidfd.
func (m *model) openTask(t *task) int { return m.open(&pidfd{t, m.knobs.hangUp}) }

// rest is when nothing happens by itself: the clock moves on to the next
// deadline. Without one the life is at its end.
func (m *model) rest() {
	m.busy = 0
	at, ok := m.timers.queue.Next()
	if due, slow := m.nextDue(); slow && (!ok || due-m.time < at.Sub(m.now())) {
		m.time = due
		return
	}
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
	if m.file(fd) == nil {
		return unix.EBADF
	}
	m.drop(fd)
	return nil
}

// born is a time with a reading of CLOCK_MONOTONIC.
var born = time.Now()

// now is a time as Go has it, with a reading of CLOCK_MONOTONIC, by which two are
// compared though the wall clock was set between. There is no other way to make
// one but to know how it is laid out.
func (m *model) now() time.Time {
	t := born.Add(m.wall.Sub(born) + m.time)
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
	t, full := m.tasks[pid], m.fails()
	switch {
	case t == nil: // the kernel looks for the pid first
		return -1, errGone
	case full:
		return -1, fmt.Errorf("pidfd_open: %w", unix.EMFILE)
	}
	return m.openTask(t), nil
}

// process returns the process that a pidfd was opened for.
func (m *model) process(fd int) *task {
	p, ok := m.file(fd).(*pidfd)
	if !ok {
		m.life.violated("descriptor %d is no pidfd", fd)
	}
	return p.task
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
	if t.of == nil {
		m.life.violated("%v is sent to a stranger, pid %d", sig, t.pid)
	}
	t.of.signalled(t, pidfd, sig)
	if t.other {
		t.plan = trade{exits(0)} // in its own time
		return unix.EPERM
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

func (m *model) reap(pidfd int) (service.Exit, error) {
	m.enter("reap", pidfd)
	t := m.process(pidfd)
	switch {
	case t.parent != m.self:
		return service.Exit{}, errNotOurs
	case !t.dead || t.traced:
		return service.Exit{}, errNotEnded
	}
	m.reapTask(t)
	return exitOf(uint32(t.status)), nil
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
