package service

import (
	"fmt"
	"slices"
	"time"
)

// begin starts a service that is stopped.
func begin(m *Machine, now time.Time, _ Event) {
	m.verdict, m.message, m.restarts, m.daemon = verdict{}, "", 0, false
	m.start(now)
}

func (m *Machine) start(now time.Time) {
	m.enter(now, Starting)
	m.run++
	m.spawning, m.followed = true, false
	m.main, m.leaving, m.named, m.childless, m.wound = nil, nil, 0, nil, LastExit{}
	m.do(Spawn{m.run})
}

func spawned(m *Machine, now time.Time, ev Event) {
	pid := ev.(Spawned).PID
	if m.restarts == 0 {
		m.log("%s started, pid %d", m.spec.Name, pid)
	} else {
		m.log("%s restarted(%d/%d), pid %d", m.spec.Name, m.restarts, m.spec.RespawnLimit, pid)
	}
	wait := Settle
	if m.spec.Follow == FollowOn {
		wait = ForkWait
	}
	m.settleBy = now.Add(ForkWait)
	m.arm(TimerSettle, now.Add(wait))
}

// spawnFailed gives up at the first start, where it is a mistake of the
// caller; later the program may be in the middle of an update.
func spawnFailed(m *Machine, now time.Time, ev Event) {
	e := ev.(SpawnFailed)
	if m.restarts == 0 {
		m.giveUp(now, verdict{true, e.Status, e.Text})
		return
	}
	m.warn("%s restart failed: %s", m.spec.Name, e.Text)
	m.crash(now, e.Text)
}

// exitedStarting sees a death before it is settled which process is main.
func exitedStarting(m *Machine, now time.Time, ev Event) {
	d := ev.(death)
	switch {
	case d.starter:
		m.starterEnded(now, d)
	case !d.root || m.starter != nil:
	case len(m.forest.roots) == 0 || d.Exit.broke() || m.failed(d.Exit) && m.preferred(d.proc, m.forest.allRoots()):
		m.endedStarting(now, d)
	default:
		m.settleAgain(now)
	}
}

func (m *Machine) starterEnded(now time.Time, d death) {
	left := m.forest.allRoots()
	switch {
	case m.handsOver(d, left):
		m.follow(now, d, left)
	case m.mayBeNamed(d, left):
		m.awaitName(now, d)
	default:
		m.endedStarting(now, d)
	}
}

// failed reports whether a process is known to have ended in vain. A process of a
// start that was reaped by another one may be dead for no known reason.
func (m *Machine) failed(e Exit) bool { return e.Known && !m.spec.succeeded(e) }

// handsOver reports whether the starter put the program into the background and
// left. One that was said to do so may exit as it likes, if only it leaves
// something.
func (m *Machine) handsOver(d death, left []*proc) bool {
	if len(left) == 0 || d.Exit.Signal != 0 || m.spec.Follow == FollowOff {
		return false
	}
	return m.spec.Follow == FollowOn || !m.failed(d.Exit)
}

// mayBeNamed reports whether the starter may have had the daemon started by
// another process, or where its births can't be seen: then the pidfile has until ForkWait
// is over to name it.
func (m *Machine) mayBeNamed(d death, left []*proc) bool {
	return len(left) == 0 && m.spec.Pidfile && m.spec.Follow != FollowOff && m.spec.succeeded(d.Exit)
}

func (m *Machine) awaitName(now time.Time, d death) {
	m.log("%s has left no process that is known: waiting for the pidfile to name one", m.spec.Name)
	m.childless = &d
	m.settleBy = now.Add(ForkWait)
	m.arm(TimerSettle, m.settleBy)
}

// follow goes on with what the starter left behind.
func (m *Machine) follow(now time.Time, d death, left []*proc) {
	if m.failed(d.Exit) {
		m.lastExit = d.last()
		m.warn("%s: the program failed (%s) but left processes behind: following them", m.spec.Name, d.Exit)
	}
	m.noteFollowed(left)
	m.settleBy = now.Add(ForkWait)
	m.settleAgain(now)
}

func (m *Machine) noteFollowed(heirs []*proc) {
	if m.followed {
		return
	}
	m.followed = true
	m.do(Note{What: NoteFollowed, Text: pids(heirs)})
	m.log("%s put itself into the background, following pid %s (%s)", m.spec.Name, pids(heirs), m.spec.Follow)
}

func (m *Machine) settleAgain(now time.Time) {
	at := now.Add(Settle)
	if at.After(m.settleBy) {
		at = m.settleBy
	}
	m.arm(TimerSettle, at)
}

// endedStarting ends a start that leads nowhere. The statuses 126 and 127 of a
// first start are a shell's "can't be executed": trying again is of no use. Nor
// is it when a program that was said to stay in the background leaves nothing
// there. A daemon that does so later, once it was up, has failed silently.
func (m *Machine) endedStarting(now time.Time, d death) {
	m.lastExit = d.last()
	text := fmt.Sprintf("%s %s before it was up", m.spec.Name, d.Exit.Words())
	silent := m.spec.succeeded(d.Exit)
	if silent {
		text = fmt.Sprintf("%s %s and left no process behind", m.spec.Name, d.Exit)
	}
	first := m.restarts == 0
	switch {
	case silent && !m.daemon && m.spec.Follow != FollowOn:
		m.finish(now, m.normal(d.Exit))
	case silent && !m.daemon && first:
		m.giveUp(now, verdict{true, 1, text})
	case first && (d.Exit.Code == 126 || d.Exit.Code == 127):
		m.giveUp(now, verdict{true, d.Exit.Code, text})
	default:
		m.crash(now, text)
		if first { // so there is a try left
			m.do(Retrying{fmt.Sprintf("%s; trying again in %v", text, m.spec.RespawnDelay)})
		}
	}
}

// namedStarting settles a start at once: the daemon has named its main process. Before
// the starter has left, that may be the pid from before the fork.
func namedStarting(m *Machine, now time.Time, ev Event) {
	if m.accept(ev.(Named)) && m.starter == nil {
		m.settle(now)
	}
}

func dueStarting(m *Machine, now time.Time, ev Event) {
	switch {
	case ev.(Due).Timer != TimerSettle:
	case m.childless != nil && m.empty():
		m.endedStarting(now, *m.childless)
	default:
		m.settle(now)
	}
}

// settle makes the service running, with the roots that stand now; a starter
// that still lives is the one candidate, whatever it has put beside it.
func (m *Machine) settle(now time.Time) {
	founding := m.forest.allRoots()
	if m.starter != nil {
		founding = []*proc{m.starter}
		if m.spec.Follow == FollowOn {
			m.log("%s has not put itself into the background yet: up as it is", m.spec.Name)
		}
	}
	if len(founding) == 0 {
		return // not spawned yet
	}
	if m.childless != nil {
		m.noteFollowed(founding)
	}
	m.forest.found(founding)
	m.daemon = m.daemon || m.followed
	m.enter(now, Running)
	m.message = ""
	m.elect()
	m.disarm(TimerSettle)
	m.do(Note{What: NoteRunning, PID: m.main.pid})
	m.do(Up{m.main.pid})
}

func pids(ps []*proc) string {
	var out []int
	for _, p := range ps {
		out = append(out, p.pid)
	}
	slices.Sort(out)
	s := fmt.Sprint(out)
	return s[1 : len(s)-1]
}
