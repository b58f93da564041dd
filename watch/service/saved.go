package service

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Saved is a machine in writing: all that Restore needs to go on with it, in
// another process if need be.
type Saved struct {
	State     State                `json:"state"`
	Since     time.Time            `json:"since"`
	Run       int                  `json:"run"`
	Spawning  bool                 `json:"spawning,omitempty"`
	Starter   int                  `json:"starter,omitempty"`
	Main      int                  `json:"main,omitempty"`
	Named     int                  `json:"named,omitempty"`
	Followed  bool                 `json:"followed,omitempty"`
	Daemon    bool                 `json:"daemon,omitempty"`
	Leaving   int                  `json:"leaving,omitempty"`
	Wound     LastExit             `json:"wound,omitzero"`
	SettleBy  time.Time            `json:"settle_by,omitzero"`
	Nobody    *LastExit            `json:"nobody,omitempty"`
	Respawn   time.Time            `json:"respawn,omitzero"`
	Hard      bool                 `json:"hard,omitempty"`
	Stuck     bool                 `json:"stuck,omitempty"`
	Spared    bool                 `json:"spared,omitempty"`
	Asked     bool                 `json:"asked,omitempty"`
	Timeout   *time.Duration       `json:"timeout,omitempty"`
	Signal    int                  `json:"signal,omitempty"`
	Again     bool                 `json:"again,omitempty"`
	Failed    bool                 `json:"failed,omitempty"`
	Status    int                  `json:"status,omitempty"`
	Text      string               `json:"text,omitempty"`
	Restarts  int                  `json:"restarts"`
	LastExit  LastExit             `json:"last_exit,omitzero"`
	Message   string               `json:"message,omitempty"`
	Deadlines map[string]time.Time `json:"deadlines,omitempty"`

	// Programs are those of the service (the first) and of its processes.
	Programs []Program `json:"programs"`

	// Procs are the live processes: the roots, their children, and so on down.
	Procs []SavedProc `json:"procs"`
}

// SavedProc is a live process in writing.
type SavedProc struct {
	PID      int       `json:"pid"`
	Parent   int       `json:"parent,omitempty"` // 0 for a root
	Program  int       `json:"program"`          // its place in Programs
	Was      int       `json:"was,omitempty"`    // the same of what it was before an exec whose arguments are not known, from 1
	Born     time.Time `json:"born"`
	Seq      int       `json:"seq"`
	Founder  int       `json:"founder"` // the Seq of the root it goes back to
	Execed   bool      `json:"execed,omitempty"`
	Heir     int       `json:"heir,omitempty"`
	Baton    bool      `json:"baton,omitempty"`
	Founding bool      `json:"founding,omitempty"`
	Unsure   bool      `json:"unsure,omitempty"`
	Termed   bool      `json:"termed,omitempty"`
}

// ErrSaved is what Restore refuses writing with that makes no sense.
var ErrSaved = errors.New("no state of a service")

// Save writes the machine down; the result shares nothing with it.
func (m *Machine) Save() Saved {
	s := Saved{
		State: m.state, Since: m.since, Run: m.run, Spawning: m.spawning, Named: m.named, Followed: m.followed,
		Daemon: m.daemon, Wound: m.wound, SettleBy: m.settleBy, Respawn: m.respawn, Hard: m.hard, Stuck: m.stuck, Spared: m.spared, Asked: m.asked,
		Timeout: m.timeout, Signal: m.signal,
		Again: m.again, Failed: m.verdict.failed, Status: m.verdict.status, Text: m.verdict.text, Restarts: m.restarts,
		LastExit: m.lastExit, Message: m.message,
		Deadlines: map[string]time.Time{},
	}
	if m.starter != nil {
		s.Starter = m.starter.pid
	}
	if m.main != nil {
		s.Main = m.main.pid
	}
	if m.leaving != nil {
		s.Leaving = m.leaving.pid
	}
	if d := m.childless; d != nil {
		last := d.last()
		s.Nobody = &last
	}
	for t, at := range m.deadlines {
		if !at.IsZero() {
			s.Deadlines[Timer(t).String()] = at
		}
	}
	places := map[any]int{}
	s.place(m.program, places)
	for queue := m.forest.allRoots(); len(queue) > 0; queue = queue[1:] {
		s.saveProc(queue[0], places)
		queue = append(queue, inOrder(maps.Keys(queue[0].children))...)
	}
	return s
}

func (s *Saved) saveProc(p *proc, places map[any]int) {
	q := SavedProc{
		PID: p.pid, Program: s.place(p.program, places), Born: p.born, Seq: p.seq, Founder: p.founder.seq,
		Execed: p.execed, Baton: p.baton, Founding: p.founding, Unsure: p.unsure, Termed: p.termed,
	}
	if p.parent != nil {
		q.Parent = p.parent.pid
	}
	if p.heir != nil {
		q.Heir = p.heir.pid
	}
	if p.was != nil {
		q.Was = s.place(p.was, places) + 1
	}
	s.Procs = append(s.Procs, q)
}

// place is the place of a program in Programs. Those that are equal have one, but
// not where equal is not the same.
func (s *Saved) place(p *Program, places map[any]int) int {
	var key any = *p
	if p.File == "" || p.Args == "" {
		key = p
	}
	place, known := places[key]
	if !known {
		place = len(s.Programs)
		places[key] = place
		s.Programs = append(s.Programs, *p)
	}
	return place
}

// Rebase puts another time in the place of each that is written down, for a
// reader with another clock.
func (s *Saved) Rebase(of func(time.Time) time.Time) {
	times := []*time.Time{&s.Since, &s.Wound.At, &s.SettleBy, &s.Respawn, &s.LastExit.At}
	if s.Nobody != nil {
		times = append(times, &s.Nobody.At)
	}
	for i := range s.Procs {
		times = append(times, &s.Procs[i].Born)
	}
	for _, t := range times {
		if !t.IsZero() {
			*t = of(*t)
		}
	}
	for name, at := range s.Deadlines {
		s.Deadlines[name] = of(at)
	}
}

// Restore makes a machine of what was written down. Its rules are those of
// spec, which may be others than before. It expects to be told of all that has
// changed since (Exited, Forked, and Spawned where that was open), and then to
// Resume. The error wraps ErrSaved.
func Restore(spec Spec, s Saved) (*Machine, error) {
	m := &Machine{
		spec: spec, state: s.State, since: s.Since, run: s.Run, spawning: s.Spawning, restored: s.Run, restoring: true, named: s.Named, followed: s.Followed,
		daemon: s.Daemon, wound: s.Wound, settleBy: s.SettleBy, respawn: s.Respawn, hard: s.Hard, stuck: s.Stuck, spared: s.Spared, asked: s.Asked,
		timeout: s.Timeout, signal: s.Signal,
		again: s.Again, verdict: verdict{s.Failed, s.Status, s.Text}, restarts: s.Restarts,
		lastExit: s.LastExit, message: s.Message,
	}
	if s.State < 0 || s.State >= states || s.Run < 0 || s.Restarts < 0 || s.Signal < 0 || len(s.Programs) == 0 {
		return nil, fmt.Errorf("%w: it lacks what each has", ErrSaved)
	}
	programs := slices.Clone(s.Programs)
	m.program = &programs[0]
	if d := s.Nobody; d != nil {
		m.childless = &death{Exited: Exited{PID: d.PID, Exit: d.Exit}, at: d.At}
	}
	for t := range timers {
		m.deadlines[t] = s.Deadlines[t.String()]
	}
	if err := m.restoreProcs(s, programs); err != nil {
		return nil, err
	}
	m.starter, m.main, m.leaving = m.forest.procs[s.Starter], m.forest.procs[s.Main], m.forest.procs[s.Leaving]
	if m.state == Running && m.main == nil {
		return nil, fmt.Errorf("%w: it runs, but main pid %d is none of its processes", ErrSaved, s.Main)
	}
	return m, nil
}

func (m *Machine) restoreProcs(s Saved, programs []Program) error {
	founders := map[int]*proc{}
	for _, q := range s.Procs {
		f := &m.forest
		if q.PID <= 0 || f.procs[q.PID] != nil || q.Program < 0 || q.Program >= len(s.Programs) || q.Was < 0 || q.Was > len(s.Programs) ||
			q.Parent != 0 && f.procs[q.Parent] == nil {
			return fmt.Errorf("%w: process %+v", ErrSaved, q)
		}
		p := f.add(q.PID, q.Parent, q.Born)
		p.program, p.seq, p.execed, p.baton, p.termed = &programs[q.Program], q.Seq, q.Execed, q.Baton, q.Termed
		if q.Was > 0 {
			p.was = &programs[q.Was-1]
		}
		if q.Founding && p.isRoot() {
			p.founding, p.unsure = true, q.Unsure
			f.founders[p] = struct{}{}
		}
		founders[q.Seq] = p
	}
	for _, q := range s.Procs {
		if founders[q.Founder] == nil {
			founders[q.Founder] = &proc{seq: q.Founder} // dead, but not forgotten
		}
		p := m.forest.procs[q.PID]
		p.founder = founders[q.Founder]
		p.setHeir(m.forest.procs[q.Heir])
		m.forest.seq = max(m.forest.seq, q.Seq)
	}
	return nil
}

// resume sets the deadlines again. A start that was under way, and of which
// nothing was found, is made again, if it is still wanted; one that has come of
// what was told since is being made. A process that was to be killed may still live.
func resume(m *Machine, now time.Time, _ Event) {
	for t, at := range m.deadlines {
		if !at.IsZero() {
			m.do(Arm{Timer(t), at})
		}
	}
	if m.hard {
		for _, p := range m.forest.all() {
			m.do(Kill{PID: p.pid, Hard: true})
		}
	}
	open := m.spawning && m.run == m.restored
	switch {
	case open && m.state == Starting:
		m.do(Spawn{m.run})
	case open, m.state == Stopping && m.empty():
		m.spawning = false
		endRest(m, now, nil)
	}
}

// MarshalText writes a state by its name.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads one; the error wraps ErrSaved.
func (s *State) UnmarshalText(b []byte) error {
	for i := range states {
		if i.String() == string(b) {
			*s = i
			return nil
		}
	}
	return fmt.Errorf("%w: no such state: %q", ErrSaved, b)
}
