package watch

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// maxStuck bounds of how many it is told why they are still there.
const maxStuck = 8

// whyStuck says which processes are still there of a service though all were killed, and
// why; empty while there is no such thing.
func (s *Host) whyStuck(u *unit) string {
	snap := u.machine.Snapshot()
	if !snap.Stuck {
		return ""
	}
	var why []string
	for _, q := range snap.Procs[:min(len(snap.Procs), maxStuck)] {
		why = append(why, s.whyThere(u, q.PID))
	}
	if more := len(snap.Procs) - len(why); more > 0 {
		why = append(why, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(why, "; ")
}

// whyThere says why one process is still there.
func (s *Host) whyThere(u *unit, pid int) string {
	state, err := s.statOf(pid)
	p := s.table.Known(u.id, pid)
	switch {
	case p != nil && errors.Is(p.Refused, unix.EPERM):
		return fmt.Sprintf("pid %d can't be signalled, it is another user's: root can kill it", pid)
	case p != nil && p.Refused != nil:
		return fmt.Sprintf("pid %d can't be signalled: %v", pid, p.Refused)
	case state.state == "D":
		return fmt.Sprintf("pid %d was killed, but the kernel lets it end only when what it waits for comes (a disk, a network file system, the thaw of its control group)", pid)
	}
	if err != nil { // it ends right now
		return fmt.Sprintf("pid %d was killed", pid)
	}
	return fmt.Sprintf("pid %d was killed, but is still there, in state %s", pid, state.state)
}
