package watch

import (
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"respawner/watch/safepath"
	"respawner/watch/service"
)

// oomReports is what the kernel tells of its OOM killer.
type oomReports interface {
	// hasKilled reports whether the OOM killer has killed a process that has ended by KILL. It
	// is asked once for each, and does not block.
	hasKilled(pid int) bool
	close() error
}

// oom is the room that finds out which processes the OOM killer has killed. It reads off the
// loop, and after the end was told: a restart does not wait for it.
type oom struct {
	reports oomReports // nil where nothing is told
	lane    lane
	asked   []suspect
}

// suspect is a process of a service that was killed by KILL, and not by us.
type suspect struct {
	unit *unit
	pid  int
}

// maxSuspects bounds what waits to be looked for.
const maxSuspects = 1024

func (s *Host) makeOOM() (err error) {
	s.oom.lane = lane{crew: &s.errands.memory}
	s.oom.reports, err = s.newOOMReports()
	return err
}

// askOOM has it found out whether the OOM killer has killed a process.
func (s *Host) askOOM(u *unit, pid int, exit service.Exit) {
	if r := &s.oom; r.reports != nil && unix.Signal(exit.Signal) == unix.SIGKILL && len(r.asked) < maxSuspects {
		r.asked = append(r.asked, suspect{u, pid})
		s.lookForOOM()
	}
}

func (s *Host) lookForOOM() {
	r := &s.oom
	if len(r.asked) == 0 || r.lane.busy() {
		return
	}
	asked, reports := r.asked, r.reports
	r.asked = nil
	s.errands.ask(&r.lane, func() func() {
		victims := slices.DeleteFunc(asked, func(k suspect) bool { return !reports.hasKilled(k.pid) })
		return func() {
			for _, k := range victims {
				s.tell(k.unit, service.OOMKilled{PID: k.pid})
			}
			s.lookForOOM()
		}
	})
}

// kernelReports has the kernel's log where it can be read and means our pids: it names each
// process. Elsewhere the counter of our control group tells that the OOM killer has killed one
// there since it was last asked.
type kernelReports struct {
	log     int   // /dev/kmsg, -1 for none
	victims []int // that the log has named, the newest last
	counter string
	count   int
}

// maxVictims bounds those that the log has named and that were not asked for.
const maxVictims = 64

func (linux) newOOMReports() (oomReports, error) {
	k := &kernelReports{log: openKernelLog()}
	if k.log >= 0 {
		return k, nil
	}
	cgroups, err := readUpTo("/proc/self/cgroup", 64<<10)
	mounts, errMounts := readUpTo("/proc/self/mountinfo", 1<<20)
	if err == nil && errMounts == nil {
		k.counter = oomFile(string(cgroups), string(mounts))
	}
	if k.counter == "" {
		return nil, nil // nothing is told
	}
	k.count = k.counted()
	return k, nil
}

// firstPidNamespace is PROC_PID_INIT_INO: the kernel's log has pids of that one.
const firstPidNamespace = "pid:[4026531836]"

// openKernelLog opens /dev/kmsg at its end, -1 where that can't be had.
func openKernelLog() int {
	if ns, err := os.Readlink("/proc/self/ns/pid"); err != nil || ns != firstPidNamespace {
		return -1
	}
	fd, err := open("/dev/kmsg", unix.O_NONBLOCK)
	if err != nil {
		return -1
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd) // it is no kernel's log
		return -1
	}
	return fd
}

func (k *kernelReports) hasKilled(pid int) bool {
	if k.log < 0 {
		before := k.count
		k.count = k.counted()
		return k.count > before
	}
	k.readLog()
	at := slices.Index(k.victims, pid)
	if at >= 0 {
		k.victims = slices.Delete(k.victims, at, at+1)
	}
	return at >= 0
}

func (k *kernelReports) counted() int {
	f, err := safepath.Open(k.counter)
	if err != nil {
		return 0 // the group has gone: nothing is told of it
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, 4096)) // or as much as can be read
	return oomCount(text)
}

// maxRecord is more than a record has (CONSOLE_EXT_LOG_MAX), in bytes, and maxRecords more than
// a log has; a log that grows faster than it is read ends there.
const (
	maxRecord  = 16 << 10
	maxRecords = 1 << 17
)

// readLog reads what is new in the log, a record at a time, until it has no more. EPIPE tells
// that records were overwritten before they were read; the next ones follow.
func (k *kernelReports) readLog() {
	record := make([]byte, maxRecord)
	for range maxRecords {
		n, err := unix.Read(k.log, record)
		switch {
		case err == unix.EPIPE, err == unix.EINTR:
			continue
		case err != nil, n == 0:
			return
		}
		if pid := oomVictim(record[:n]); pid != 0 {
			k.victims = append(slices.DeleteFunc(k.victims, func(v int) bool { return v == pid }), pid)
			k.victims = k.victims[max(0, len(k.victims)-maxVictims):]
		}
	}
}

func (k *kernelReports) close() error {
	if k.log < 0 {
		return nil
	}
	return unix.Close(k.log)
}
