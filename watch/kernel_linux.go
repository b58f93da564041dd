package watch

import (
	"io"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/timer"
	"respawner/watch/service"
)

// kernel is all that a supervisor asks of the system about processes, time and
// signals: the seam between what decides and what acts. linux is the real one;
// the tests have a model of it, in which everything can go wrong.
type kernel interface {
	poller
	processes
	procfs

	becomeSubreaper() error
	newTimers() (timers, error)
	newSignals() (signalSource, error)
	newStarter() (starter, error)
	newCarrier() (carrier, error)
	newOOMReports() (oomReports, error) // nil where nothing is told
	dial() (connector, error)

	now() time.Time
	monotonic() time.Duration // CLOCK_MONOTONIC, the clock of the connector's events
	uptime() time.Duration    // CLOCK_BOOTTIME, the clock of /proc/PID/stat
	closeFD(fd int) error
}

// poller is epoll.
type poller interface {
	newEpoll() (fd int, err error)
	epollCtl(epfd, op, fd int, ev *unix.EpollEvent) error
	epollWait(epfd int, events []unix.EpollEvent) (int, error)
}

// processes are reached by pidfds, and waited for as children.
type processes interface {
	getpid() int
	openPidfd(pid int) (int, error)
	inodeOf(pidfd int) (uint64, error)
	isReadable(pidfd int) bool
	sendSignal(pidfd int, sig unix.Signal) error
	endOf(pidfd int) (service.Exit, error)
	exitInfo(pidfd int) (exit service.Exit, told bool)
	reap(pidfd int) (service.Exit, error)
	isGone(pid int) bool
	hasChildren() bool
	deadChild() (int, error)
}

// procfs is what /proc tells.
type procfs interface {
	canScan() error
	allPids() ([]int, error)
	statOf(pid int) (procStat, error)
	childrenOf(pid int) []int
	sessionOf(pid int) (int, error)
	uidOf(pid int) (int, error)
	fileOf(pid int) string
	receptionOf(pid int, sig unix.Signal) (reception, error)
	bootID() string
	newMemories() memories
}

// timers are a [timer.Timer].
type timers interface {
	FD() int
	Set(key deadline, at time.Time) error
	Clear(key deadline) error
	Expired(now time.Time, due func(deadline)) error
	io.Closer
}

// signalSource is the room of the signalfd.
type signalSource interface {
	FD() int
	read(each func(unix.Signal)) error
	hold() (resume func(), err error)
	close() error
}

// starter is the room that starts programs.
type starter interface {
	FD() int
	// start calls begin on the loop's thread, before there can be a process. What is to be
	// cleaned before that may take long.
	start(u *unit, run int, begin func())
	take() (spawned, bool)
	// wake makes the descriptor readable, and clear unreadable again.
	wake()
	clear()
	close() error
}

// connector is a [procconn.Conn].
type connector interface {
	fd() (int, error)
	Capacity() int
	SetReadBuffer(bytes int) error
	TryReceive() (procconn.Event, bool, error)
	Probe(each func(procconn.Event)) error
	Dropped() (uint32, error)
	Filter(pids []int) error
	Unfilter() error
	track(size int) (kernelSet, error)
	io.Closer
}

// kernelSet is a [procconn.Set].
type kernelSet interface {
	Add(pid int) error
	Forget(pid int, born time.Duration) error
	Birth(pid int) (procconn.Birth, bool, error)
	Births() ([]procconn.Birth, error)
	Lost() (uint64, error)
	io.Closer
}

// linux is the kernel we run on. Its methods are each in the file of their room.
type linux struct{}

// A room that could not be made is nil, and not a nil pointer in an interface,
// which close would take for a room.

func (linux) newTimers() (timers, error) {
	t, err := timer.New[deadline]()
	if err != nil {
		return nil, err
	}
	return t, nil
}

func (linux) newSignals() (signalSource, error) {
	s, err := newSignals()
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (linux) newStarter() (starter, error) {
	s, err := newSpawner()
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (linux) dial() (connector, error) {
	conn, err := dialConnector()
	if err != nil {
		return nil, err
	}
	return connection{conn}, nil
}

// connection is a connector of the real kernel.
type connection struct{ *procconn.Conn }

func (c connection) fd() (fd int, err error) {
	raw, err := c.SyscallConn()
	if err == nil {
		err = raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd, err
}

func (c connection) track(size int) (kernelSet, error) {
	set, err := c.Track(size)
	if err != nil {
		return nil, err // not a nil *Set in an interface
	}
	return set, nil
}

func (linux) now() time.Time { return time.Now() }

func (linux) monotonic() time.Duration { return clock(unix.CLOCK_MONOTONIC) }

func (linux) uptime() time.Duration { return clock(unix.CLOCK_BOOTTIME) }

func clock(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		panic(err) // every kernel has it
	}
	return time.Duration(t.Nano())
}

func (linux) closeFD(fd int) error { return unix.Close(fd) }
