package procconn

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// SetSize is a good size for a [Set]. It is the highest pid plus one (pid_max) of many machines that have not been told
// otherwise, so the processes that live hardly ever fill it; the dead that Forget was not called for may.
const SetSize = 32768

// Set is the processes that descend from some that were added to it, kept by the kernel: a filter on the Conn's socket that
// sees each birth on the machine before it could be queued, or lost. Make one with [Conn.Track].
//
// A Set's methods may be called from any goroutine; Close must not overlap with others.
type Set struct {
	births *ebpf.Map // tgid → entry
	lost   *ebpf.Map // one counter
	closed bool
}

// Track attaches a filter to the Conn that keeps a [Set] of at most size processes, which is empty at first, in place of a
// filter that is there. The set takes 16 bytes of kernel memory for each of size at once, and some 80 more for those that
// are there. From then on the Conn receives only, for processes and not for other threads:
//
//   - Fork, when the parent is in the set. The child is by then, too: whatever happens to the event, no descendant is missed.
//   - Fork by any other process, when the child's pid is in the set: its former owner is dead, and the pid was given away. By
//     then it is not in the set any more.
//   - Exec, and Exit of the first thread, of those in the set.
//   - Comm of our own process, for [Conn.Probe].
//
// The rest of the machine does not wake us. What was queued before is still there.
//
// The set does not notice deaths, because no event is sure to tell them: a process is in it until it is forgotten with
// [Set.Forget], and so the set tells which process forked which, even when the parents are long dead.
//
// The error wraps [ErrNoBPF] when the kernel refuses; otherwise it is what bpf(2) or setsockopt(2) said for want of
// descriptors or memory (EMFILE, ENFILE, ENOMEM), or wraps [os.ErrClosed]. The filter stays as it was, then. Before Linux
// 5.11 RLIMIT_MEMLOCK is raised for an instant if it must be: a fork meanwhile passes that on.
//
// The kernel side is SO_ATTACH_BPF (net/core/filter.c, Linux 3.19); what is used here came until 5.6.
func (c *Conn) Track(size int) (*Set, error) {
	s, err := c.newSet(size)
	// Before Linux 5.11 the memory of maps and programs counts as locked, and the usual limit is lower than what we need,
	// for root too. Then the limit is lifted meanwhile; what we start later must not inherit that.
	none, old := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}, unix.Rlimit{}
	if errors.Is(err, unix.EPERM) && unix.Prlimit(0, unix.RLIMIT_MEMLOCK, &none, &old) == nil {
		s, err = c.newSet(size)
		_ = unix.Prlimit(0, unix.RLIMIT_MEMLOCK, &old, nil) // to lower a limit is always allowed
	}
	return s, err
}

func (c *Conn) newSet(size int) (*Set, error) {
	births, err := ebpf.NewMap(&ebpf.MapSpec{
		Type: ebpf.Hash, KeySize: 4, ValueSize: entrySize, MaxEntries: uint32(size), Flags: unix.BPF_F_NO_PREALLOC,
	})
	if err != nil {
		return nil, trackError(err)
	}
	lost, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	if err != nil {
		return nil, errors.Join(trackError(err), births.Close())
	}
	s := &Set{births: births, lost: lost}
	if err := s.attach(c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// attach puts the filter that keeps the set onto c's socket, which keeps the filter, and that the maps.
func (s *Set) attach(c *Conn) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.SocketFilter,
		Instructions: setProgram(s.births.FD(), s.lost.FD(), os.Getpid()),
		License:      "MIT", // nothing is called that would have to be GPL
	})
	if err != nil {
		return trackError(err)
	}
	err = c.setFilter(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, program.FD())
	})
	return errors.Join(err, program.Close())
}

// trackError tells a refusal, which is for good, from a shortage.
func trackError(err error) error {
	for _, shortage := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		if errors.Is(err, shortage) {
			return fmt.Errorf("procconn: track: %w", err)
		}
	}
	if errors.Is(err, unix.EPERM) { // for which package ebpf has advice that does not apply
		err = fmt.Errorf("neither root nor CAP_BPF, or a sandbox, or RLIMIT_MEMLOCK (before Linux 5.11): %w", unix.EPERM)
	}
	return fmt.Errorf("%w: %w", ErrNoBPF, err)
}

// Add puts a process into the set, so that from now on its children are put there as they are born. Children that it
// has already are not: they must be added too, each followed by a look for its own. For our own process, added before
// it starts anything, there are none. One that is in the set stays as it is there.
//
// The error wraps E2BIG when the set is full and [os.ErrClosed] after Close.
func (s *Set) Add(pid int) error {
	err := s.births.Update(uint32(pid), entry{}, ebpf.UpdateNoExist)
	if errors.Is(err, ebpf.ErrKeyExist) {
		return nil
	}
	return s.explain("add", err)
}

// Forget takes a dead process out of the set, if the one in there was born at that time: [Event.Time] of its Fork, or 0 if
// it was added. One that has got the pid since then stays.
//
// That is exact for a process that has not been reaped, as its pid is not free. For others the look and the deletion are
// two steps, and Forget should not be late: between them, within a microsecond, the pid of the dead can be given to a new
// process of the set only if the kernel has just then gone through all the other pids. (Its Fork is received all the same.)
//
// To forget a process that is not there is no error. The error wraps [os.ErrClosed] after Close.
func (s *Set) Forget(pid int, born time.Duration) error {
	var e entry
	err := s.births.Lookup(uint32(pid), &e)
	if err == nil && e.Time == uint64(born) {
		err = s.births.Delete(uint32(pid))
	}
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil
	}
	return s.explain("forget", err)
}

// Birth returns the Birth of one process; ok is false when it is not in the set.
//
// The error is what bpf(2) said, or wraps [os.ErrClosed] after Close.
func (s *Set) Birth(pid int) (b Birth, ok bool, err error) {
	var e entry
	err = s.births.Lookup(uint32(pid), &e)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return Birth{}, false, nil
	}
	if err != nil {
		return Birth{}, false, s.explain("birth", err)
	}
	return e.birth(uint32(pid)), true, nil
}

// Births returns the processes of the set, in the order of their births, so children come after their parents. Processes that were
// added come first.
//
// Dead parents may be missing, since they are forgotten, and a Parent may name one that had the pid of an earlier time: it
// is not the Birth with that PID when that is later. What is born or given away while Births runs may be there
// or not; its event comes after.
//
// The error is what bpf(2) said, or wraps [os.ErrClosed] after Close. (BPF_MAP_LOOKUP_BATCH, kernel/bpf/hashtab.c, Linux
// 5.6.)
func (s *Set) Births() ([]Birth, error) {
	const batch = 1024
	var (
		births []Birth
		cursor ebpf.MapBatchCursor
		tgids  [batch]uint32
		values [batch]entry
	)
	for {
		n, err := s.births.BatchLookup(&cursor, tgids[:], values[:], nil)
		for i := range n {
			births = append(births, values[i].birth(tgids[i]))
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) { // that was the last
			slices.SortFunc(births, func(a, b Birth) int { return cmp.Compare(a.Time, b.Time) })
			return births, nil
		}
		if err != nil {
			return nil, s.explain("births", err)
		}
	}
}

// Lost returns how many children of processes in the set could not be put there so far, because it was full or
// the kernel had no memory at hand. Their Forks have passed, but those of their own children may not.
//
// The error is what bpf(2) said, or wraps [os.ErrClosed] after Close.
func (s *Set) Lost() (n uint64, err error) {
	err = s.lost.Lookup(uint32(0), &n)
	return n, s.explain("lost", err)
}

// Close gives up the set. The filter stays and goes on, unseen, until [Conn.Filter], [Conn.Track] or [Conn.Unfilter] puts
// another or none in its place, or the Conn is closed. Closing twice is no error.
func (s *Set) Close() error {
	s.closed = true
	return s.explain("close", errors.Join(s.births.Close(), s.lost.Close()))
}

// explain says what failed, and why if that is clear.
func (s *Set) explain(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case s.closed:
		err = os.ErrClosed
	}
	return fmt.Errorf("procconn: set: %s: %w", what, err)
}
