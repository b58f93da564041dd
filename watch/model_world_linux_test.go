package watch

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// What happens in the world of the model.

// duty is one of the things that are bound to happen.
type duty struct {
	do func(*model, duty)
	t  *task
	at int // in a list
}

// happen has one thing happen in the world, if there is anything that can.
func (m *model) happen() bool {
	m.life.stepped()
	if m.life.chaos && m.one(3) {
		m.accident()
		return true
	}
	return m.work()
}

// work does one of the things that are bound to happen.
func (m *model) work() bool {
	m.todo = m.todo[:0]
	for _, t := range m.births {
		m.todo = append(m.todo, duty{do: func(m *model, d duty) { m.bear(d.t) }, t: t})
	}
	for i := range m.exits {
		m.todo = append(m.todo, duty{do: func(m *model, d duty) { m.tellExit(d.at) }, at: i})
	}
	for i, e := range m.jobs {
		if e.ready() {
			m.todo = append(m.todo, duty{do: func(m *model, d duty) { m.jobs[d.at].goOn() }, at: i})
		}
	}
	for _, pid := range m.pids {
		m.owe(m.tasks[pid])
	}
	if len(m.todo) == 0 {
		return false
	}
	d := m.todo[m.chance.IntN(len(m.todo))]
	d.do(m, d)
	return true
}

// owe adds what a process is bound to do.
func (m *model) owe(t *task) {
	switch {
	case t == m.init || t == m.self || t.unborn:
	case t.dead && t.traced:
		m.todo = append(m.todo, duty{do: func(m *model, d duty) { m.letGo(d.t) }, t: t})
	case t.dead && t.parent != m.self && !t.parent.lazy:
		m.todo = append(m.todo, duty{do: func(m *model, d duty) { m.reapTask(d.t) }, t: t})
	case !t.dead && !t.spawning && len(t.plan) > 0:
		m.todo = append(m.todo, duty{do: func(m *model, d duty) { m.act(d.t) }, t: t})
	}
}

func (m *model) act(t *task) {
	next := t.plan[0]
	t.plan = t.plan[1:]
	next(m, t)
}

// signal is what a process makes of a signal.
func (m *model) signal(t *task, sig unix.Signal) {
	switch {
	case t.dead:
	case sig == unix.SIGKILL:
		t.plan = trade{ends(9)}
		if m.one(2) {
			m.exit(t, 9)
		}
	case sig != unix.SIGTERM || t.heedless:
	case m.one(2):
		t.plan = trade{exits(0)}
	default:
		t.plan = trade{ends(15)}
	}
}

// accident is one of the things that need not happen.
func (m *model) accident() {
	switch n := m.chance.IntN(100); {
	case n < 30:
		m.time += time.Duration(m.chance.IntN(1000)) * time.Microsecond
	case n < 40:
		m.time += time.Duration(m.chance.IntN(400)) * time.Millisecond
	case n < 42:
		m.time += time.Duration(m.chance.IntN(10)) * time.Second
	case n < 70:
		m.stranger()
	case n < 85:
		m.whim()
	case n < 88:
		if ts := m.living(nil); len(ts) > 0 {
			m.signal(ts[m.chance.IntN(len(ts))], unix.SIGKILL)
		}
	case n < 89:
		m.life.command()
	case n < 90:
		m.setClock()
	case m.one(200):
		m.time += 11 * time.Minute // a probe is due
	}
}

// setClock sets the wall clock, or suspends the machine.
func (m *model) setClock() {
	if m.one(2) {
		m.wall = m.wall.Add(time.Duration(m.chance.IntN(7200)-3600) * time.Second)
		return
	}
	sleep := time.Duration(m.chance.IntN(3600)) * time.Second
	m.slept, m.wall = m.slept+sleep, m.wall.Add(sleep)
}

// share gives the supervisor a child that it has from before it was one.
func (m *model) share() {
	if t := m.fork(m.self, false); t != nil {
		m.tellBirth(t)
	}
}

// stranger has a process that is of no service come or go.
func (m *model) stranger() {
	var others []*task
	for _, pid := range m.pids {
		if t := m.tasks[pid]; t.of == nil && !t.dead && !t.unborn && t != m.init && t != m.self {
			others = append(others, t)
		}
	}
	switch {
	case len(others) > 0 && (m.one(2) || len(others) > m.knobs.pids/3):
		m.exit(others[m.chance.IntN(len(others))], 0)
	case m.knobs.shared && len(others) > 0 && m.one(2):
		if t := others[m.chance.IntN(len(others))]; t.parent != m.init {
			m.fork(t, false)
		}
	default:
		m.fork(m.init, false)
	}
}

// whim has a process of the service do something of its own accord.
func (m *model) whim() {
	ts := slices.DeleteFunc(m.living(nil), func(t *task) bool { return t.unborn || t.spawning })
	if len(ts) == 0 || len(ts) > m.knobs.pids/4 {
		return
	}
	t := ts[m.chance.IntN(len(ts))]
	deeds := trade{begets(nil), begets(trade{exits(0)}), begets(trade{begets(nil), exits(0)}), begetsSibling(nil), execs("/daemon"), execs("/helper"), leads, reaps, isTraced, makesThread, losesHead}
	if m.knobs.secrets {
		deeds = append(deeds, hides, changesUser)
	}
	if len(t.plan) == 0 {
		deeds[m.chance.IntN(len(deeds))](m, t)
	}
}
