package main

import (
	"time"

	"respawner/procconn"
)

// succession is the story of a process that ends and of another that its parent starts in its place.
type succession struct {
	parent, victim int

	heir  int // the first that the parent forked
	ended time.Duration
	began time.Duration // when the heir ran its program
}

func (s *succession) add(e procconn.Event) {
	switch {
	case e.IsThread():
	case e.Kind == procconn.Exit && e.PID == s.victim:
		s.ended = e.Time
	case e.Kind == procconn.Fork && e.ParentTGID == s.parent && s.heir == 0:
		s.heir = e.PID
	case e.Kind == procconn.Exec && e.PID == s.heir && s.began == 0:
		s.began = e.Time
	}
}

// took is how long it took, once both ends of it were seen.
func (s *succession) took() (d time.Duration, done bool) {
	return s.began - s.ended, s.began != 0 && s.ended != 0
}
