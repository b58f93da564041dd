package settle

import (
	"fmt"
	"maps"
	"slices"
)

// move is one thing that happens in the kernel, or a step of the rooms.
type move struct {
	do  verb
	arg int // a pid, or a unit
}

type verb uint8

const (
	goesOn    verb = iota // the rooms do, by one step
	starts                // arg's program is started: it runs
	starting              // the same, up to its exec
	startDone             // the rooms are to hear of that
	startFail             // it can't be exec'ed
	forks
	forksLate // the birth is told later
	forksLost // the kernel has no memory for that event, and its set does not know of it
	siblings  // forks with CLONE_PARENT
	isTold    // its birth
	execs
	exits
	isReaped
	reaps    // becomes a subreaper
	isTraced // a tracer will hear first that it is dead
	isLet    // the tracer lets it go
	hides    // from /proc
	stranger // a process of no service comes
	overflow // of the queue
	refusal  // of the next descriptor
	denial   // of the next look at /proc
	unwatch  // the next pidfd can't be waited for
	timeout  // the timers are due
	wake     // the rooms, for whatever reason
	verbs
)

var verbNames = [verbs]string{
	"step", "start", "starting", "done", "fail", "fork", "forklate", "forklost", "sibling", "tell", "exec", "exit", "reap", "subreaper", "trace", "letgo", "hide",
	"stranger", "overflow", "refuse", "deny", "unwatch", "timeout", "wake",
}

func (m move) String() string { return fmt.Sprintf("%s %d", verbNames[m.do], m.arg) }

// can reports whether something can happen now.
func (s *sim) can(m move) bool {
	k := s.k
	switch m.do {
	case goesOn:
		return len(s.ops) > 0 || s.isReady()
	case starts, starting:
		return s.t.starts[Unit(m.arg)] && s.starts[Unit(m.arg)] == nil && k.free() != 0
	case startDone, startFail:
		r := s.starts[Unit(m.arg)]
		return r != nil && r.p != nil && (r.p.spawning && !r.p.dead) == (m.do == startFail)
	case stranger:
		return k.free() != 0
	case overflow:
		return !k.full && k.step != scan
	case refusal:
		return !k.refuse
	case denial:
		return !k.deny
	case unwatch:
		return !s.unwatched
	case timeout:
		return len(s.timers) > 0 && !s.due
	case wake:
		return !s.woken
	}
	p := k.procs[m.arg]
	if p == nil || m.arg < firstPID {
		return false
	}
	switch m.do {
	case isTold:
		return p.unborn
	case isReaped:
		return p.dead && !p.traced && p.parent != k.self
	case isLet:
		return p.dead && p.traced
	case forks, forksLate, forksLost:
		return p.runs() && k.free() != 0 && p.unit > 0
	case siblings:
		return p.runs() && !p.secret && k.free() != 0 && p.unit > 0 && p.parent != k.init
	case execs:
		return p.runs() && !p.execed
	case reaps:
		return p.runs() && !p.reaper && p.unit > 0
	case isTraced:
		return p.runs() && !p.traced && p.unit > 0
	case hides:
		return p.runs() && !p.secret && p.unit > 0
	case exits:
		return !p.dead && !p.unborn
	}
	return false
}

func (p *proc) runs() bool { return !p.dead && !p.unborn && !p.spawning }

// move has something happen that can.
func (s *sim) move(m move) {
	k := s.k
	if m.do != goesOn {
		s.log("~ %v", m)
	}
	switch m.do {
	case goesOn:
		s.goOn()
		return
	case starts, starting:
		s.start(Unit(m.arg), m.do == starting)
		return
	case startDone, startFail:
		s.endStart(Unit(m.arg), m.do == startFail)
		return
	case stranger:
		k.tellBirth(k.fork(k.init, k.init))
		return
	case overflow:
		k.full, k.told, k.lossy = true, false, true
		return
	case refusal:
		k.refuse = true
		return
	case denial:
		k.deny = true
		return
	case unwatch:
		s.unwatched = true
		return
	case timeout:
		s.due = true
		return
	case wake:
		s.woken = true
		return
	}
	s.act(m.do, k.procs[m.arg])
}

// act has a process do something.
func (s *sim) act(do verb, p *proc) {
	k := s.k
	switch do {
	case forks:
		k.tellBirth(k.fork(p, p))
	case forksLate:
		k.fork(p, p)
	case forksLost:
		c := k.fork(p, p)
		c.unborn, c.by, k.lossy = false, nil, true
	case siblings:
		k.tellBirth(k.fork(p, p.parent))
	case isTold:
		k.tellBirth(p)
	case execs:
		k.exec(p)
	case exits:
		k.exit(p)
	case isReaped:
		k.reap(p)
	case reaps:
		p.reaper = true
	case isTraced:
		p.traced = true
	case isLet:
		k.letGo(p)
	case hides:
		p.secret, k.dim = true, true
	}
}

func (k *kernel) exec(p *proc) {
	p.execed = true
	k.tell(happening{what: "exec", pid: p.pid, at: k.tick()})
}

func (s *sim) start(u Unit, slow bool) {
	k := s.k
	p := k.fork(k.self, k.self)
	p.unit, p.session, p.program, p.spawning = u, p.pid, true, slow
	s.starts[u] = &start{unit: u, p: p, fd: k.open(p)}
	if k.tellBirth(p); !slow {
		k.exec(p)
	}
}

func (s *sim) endStart(u Unit, failed bool) {
	k, r := s.k, s.starts[u]
	if failed {
		r.p.failed = true
		k.exit(r.p)
		if !r.p.reaped {
			k.reap(r.p)
		}
		k.close(r.fd)
		for i, p := range k.owed {
			if p == r.p {
				k.owed = append(append([]*proc(nil), k.owed[:i]...), k.owed[i+1:]...)
				break
			}
		}
		r = &start{unit: u, p: r.p, fd: -1}
	}
	s.results = append(s.results, r)
	s.starts[u] = &start{unit: u, fd: -1} // it has come out
}

// finish has everything come that is still to come, until there is rest.
func (s *sim) finish() {
	k := s.k
	for _, p := range k.procs {
		if p != nil && p.unborn {
			s.move(move{isTold, p.pid})
		}
	}
	for pid, p := range k.procs {
		if p != nil && p.traced && p.dead {
			s.move(move{isLet, pid})
		}
	}
	for _, u := range slices.Sorted(maps.Keys(s.t.starts)) {
		switch r := s.starts[u]; {
		case r == nil:
			s.results = append(s.results, &start{unit: u, fd: -1})
			s.starts[u] = &start{unit: u, fd: -1}
		case r.p != nil && r.p.spawning && !r.p.dead:
			s.endStart(u, true)
		case r.p != nil:
			s.endStart(u, false)
		}
	}
	k.refuse, k.deny, s.unwatched = false, false, false
	s.settleDown()
	for range 4 { // patience comes to an end, and the rooms wake for whatever reason
		s.due, s.woken = true, true
		s.settleDown()
	}
	s.checkRest()
}

// settleDown goes on until there is nothing to be done.
func (s *sim) settleDown() {
	for range 3000 {
		if !s.goOn() {
			return
		}
	}
	fail("the rooms find no rest; next %+v", s.ops)
}
