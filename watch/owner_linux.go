package watch

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// markName is the variable that names the service in the environment of all
// its processes.
const markName = "RESPAWNER_SERVICE"

// marked returns an environment with the mark of a service.
func marked(env []string, name string) []string {
	others := slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, markName+"=") })
	return append(others, markName+"="+name)
}

// owner is whose a child of ours is that we did not start, when nobody knows
// who begot it: an orphan that a scan has found, or one of CLONE_PARENT. Each
// service begins in a session of its own, so the session tells; else the mark
// in the environment. It is nil when there is neither: then it stays a
// stranger.
func (s *Supervisor) owner(pid int) *unit {
	if len(s.units) == 1 && !s.mixed {
		return s.units[0]
	}
	if sid, err := unix.Getsid(pid); err == nil {
		for _, p := range s.procs {
			if other, err := unix.Getsid(p.pid); err == nil && other == sid {
				return p.unit
			}
		}
	}
	mark := markOf(pid)
	for _, u := range s.units {
		if u.name == mark {
			return u
		}
	}
	s.units[0].log.Warn(fmt.Sprintf("pid %d came to us, but of which service it is can't be told: left alone", pid))
	s.strangers[pid] = true
	return nil
}

// markOf is the service that a process's environment names, if any.
func markOf(pid int) string {
	env, err := readUpTo(fmt.Sprintf("/proc/%d/environ", pid), 1<<20)
	if err != nil {
		return ""
	}
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if name, found := bytes.CutPrefix(v, []byte(markName+"=")); found {
			return string(name)
		}
	}
	return ""
}
