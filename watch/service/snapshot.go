package service

import (
	"maps"
	"time"
)

// Gist is what matters most of a service; two can be compared.
type Gist struct {
	State    State
	Run      int // the number of the last Spawn
	Main     int
	Founders int
}

// Gist returns it.
func (m *Machine) Gist() Gist {
	g := Gist{State: m.state, Run: m.run, Founders: len(m.forest.founders)}
	if m.main != nil {
		g.Main = m.main.pid
	}
	return g
}

// Snapshot is a service as it is now; it shares nothing with the machine.
type Snapshot struct {
	State    State
	Since    time.Time // when it entered State
	Main     int       // pid of the main process, 0 for none
	Restarts int
	Respawn  time.Time // when the next start is due; zero but in Backoff
	Stuck    bool      // some are still there though all were killed
	Kill     time.Time // when patience with processes that were asked to end is over; zero while none is waited for
	Followed bool      // the program did put itself into the background
	LastExit LastExit
	Message  string // what a user should know; empty when all is well
	Procs    []Proc // parents before children
}

// Proc is a live process of a snapshot.
type Proc struct {
	PID    int
	Parent int // 0 for a root
	Role   Role
}

// Role is what a process means to its service.
type Role int

const (
	// Other is a process that is no root.
	Other Role = iota
	// Main is the main process.
	Main
	// Root is a founding root beside main.
	Root
	// Stray is a root that came home later.
	Stray
)

func (r Role) String() string { return [...]string{"", "main", "root", "stray"}[r] }

// Snapshot returns the service as it is now.
func (m *Machine) Snapshot() Snapshot {
	s := Snapshot{
		State: m.state, Since: m.since, Restarts: m.restarts, Followed: m.followed,
		LastExit: m.lastExit, Message: m.message, Kill: m.deadlines[TimerKill], Stuck: m.stuck,
	}
	if m.main != nil {
		s.Main = m.main.pid
	}
	if m.state == Backoff {
		s.Respawn = m.respawn
	}
	for _, p := range m.forest.allRoots() {
		s.Procs = m.walk(s.Procs, p)
	}
	return s
}

func (m *Machine) walk(out []Proc, p *proc) []Proc {
	q := Proc{PID: p.pid, Role: m.role(p)}
	if p.parent != nil {
		q.Parent = p.parent.pid
	}
	out = append(out, q)
	for _, c := range inOrder(maps.Keys(p.children)) {
		out = m.walk(out, c)
	}
	return out
}

func (m *Machine) role(p *proc) Role {
	switch {
	case p == m.main:
		return Main
	case !p.isRoot() || m.state != Running:
		return Other
	case p.founding:
		return Root
	}
	return Stray
}
