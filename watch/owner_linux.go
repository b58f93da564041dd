package watch

import (
	"fmt"
	"slices"
	"strings"
)

// The variables that mark all processes of a service in their environment: its
// name, and what tells it from all others of that name.
const (
	markName = "RESPAWNER_SERVICE"
	markID   = "RESPAWNER_ID"
)

// marked returns an environment with the marks of a service, which come first: of
// a very large one only the beginning is read.
func marked(env []string, name, id string) []string {
	others := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		return strings.HasPrefix(v, markName+"=") || strings.HasPrefix(v, markID+"=")
	})
	marks := []string{markName + "=" + name}
	if id != "" {
		marks = append(marks, markID+"="+id)
	}
	return append(marks, others...)
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
	if sid, err := s.sessionOf(pid); err == nil {
		for _, p := range s.everybody() {
			if other, err := s.sessionOf(p.pid); err == nil && other == sid && p.pidfd >= 0 && s.hasPid(p) {
				return p.unit
			}
		}
	}
	mark, _ := s.markOf(pid, markName) // without one it is nobody's
	for _, u := range s.units {
		if u.name == mark {
			return u
		}
	}
	s.units[0].log.Warn(fmt.Sprintf("pid %d came to us, but of which service it is can't be told: left alone", pid))
	s.strangers[pid] = true
	return nil
}

// markOf is what a process's environment has for a mark, if anything.
func (s *Supervisor) markOf(pid int, name string) (string, error) {
	env, err := s.environOf(pid)
	if err != nil {
		return "", err
	}
	return valueOf(env, name), nil
}

// hasMark tells whether a process has the mark that is its service's alone.
func (s *Supervisor) hasMark(pid int, u *unit) bool {
	mark, err := s.markOf(pid, markID)
	return err == nil && u.config.ID != "" && mark == u.config.ID
}
