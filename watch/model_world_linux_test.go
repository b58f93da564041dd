package watch

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// What the processes of the model do, and what else happens in its world.

// trade is what a process has still to do; one that has nothing left lives on.
type trade []deed

// deed is one thing that a process does. It tells whether it was the last one.
type deed func(m *model, t *task)

func ends(status unix.WaitStatus) deed {
	return func(m *model, t *task) { m.exit(t, status) }
}

func exits(code int) deed { return ends(unix.WaitStatus(code << 8)) }

func begets(plan trade) deed {
	return func(m *model, t *task) {
		if child := m.fork(t, false); child != nil {
			child.plan = slices.Clone(plan)
		}
	}
}

// begetsSibling is CLONE_PARENT. A process that was adopted makes a child of
// init by that, which is found only when nobody else is left.
func begetsSibling(plan trade) deed {
	return func(m *model, t *task) {
		if child := m.fork(t, t.parent != m.init); child != nil {
			child.plan = slices.Clone(plan)
		}
	}
}

func execs(file string) deed { return func(m *model, t *task) { m.exec(t, file) } }

func leads(m *model, t *task) { t.session = t.pid }

func reaps(m *model, t *task) { t.reaper = true }

func isTraced(m *model, t *task) { t.traced = true }

func makesThread(m *model, t *task) { m.tellThread(t) }

// losesHead is what a process does whose first thread ends before the others.
func losesHead(m *model, t *task) {
	if !t.headless {
		t.headless = true
		m.exits = append(m.exits, exitNews{t.pid, 0})
	}
}

func neglects(m *model, t *task) { t.lazy = true }

func ignoresTerm(m *model, t *task) { t.heedless = true }

// programs are the shapes of what is started: those that behave come first.
func (m *model) program() trade {
	daemon := m.daemon()
	shapes := []trade{
		daemon,
		{begets(daemon), exits(0)},
		{begets(trade{leads, begets(daemon), exits(0)}), exits(0)},
		{begets(daemon), begets(nil), exits(0)},
		{begetsSibling(daemon), exits(0)},
		{begets(append(trade{leads, execs("/other")}, daemon...)), exits(0)}, // auto does not follow that
		{begets(trade{begetsSibling(daemon), begets(daemon), exits(0)}), exits(0)},
		{begets(append(trade{reaps}, daemon...)), exits(0)},
		{begets(append(trade{neglects}, daemon...)), exits(0)},
		{begets(append(trade{ignoresTerm}, daemon...)), exits(0)},
		{exits(1)},
		{exits(0)},
		{begets(daemon), exits(1)},
		{begets(daemon), ends(11)},
		{begets(append(daemon, exits(1))), exits(0)},
		{begets(append(daemon, exits(0))), exits(0)},
	}
	if !m.life.chaos {
		shapes = shapes[:map[service.Follow]int{service.FollowOn: 6, service.FollowAuto: 5, service.FollowOff: 1}[m.life.config.Spec.Follow]]
	}
	return shapes[m.chance.IntN(len(shapes))]
}

// daemon is a server with some workers.
func (m *model) daemon() (plan trade) {
	workers := []trade{nil, {exits(0)}, {execs("/helper"), exits(0)}}
	if m.life.chaos {
		workers = append(workers, trade{exits(1)}, trade{begets(nil), exits(0)}, trade{begets(trade{leads, begets(nil), exits(0)}), exits(0)})
	}
	for range m.chance.IntN(4) {
		plan = append(plan, begets(workers[m.chance.IntN(len(workers))]))
	}
	return plan
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

// work is one of the things that are bound to happen.
func (m *model) work() bool {
	var todo []func()
	for _, t := range m.births {
		todo = append(todo, func() { m.bear(t) })
	}
	for i := range m.exits {
		todo = append(todo, func() { m.tellExit(i) })
	}
	if m.spawns != nil && m.spawns.ready() {
		todo = append(todo, m.spawns.goOn)
	}
	for i := range m.carrier.ready() {
		todo = append(todo, func() { m.carrier.goOn(i) })
	}
	for _, pid := range m.pids {
		t := m.tasks[pid]
		switch {
		case t == m.init || t == m.self || t.unborn:
		case t.dead && t.traced:
			todo = append(todo, func() { m.letGo(t) })
		case t.dead && t.parent != m.self && !t.parent.lazy:
			todo = append(todo, func() { m.reapTask(t) })
		case !t.dead && !t.spawning && len(t.plan) > 0:
			todo = append(todo, func() { m.act(t) })
		}
	}
	if len(todo) == 0 {
		return false
	}
	todo[m.chance.IntN(len(todo))]()
	return true
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
		if ts := m.living(); len(ts) > 0 {
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

// setClock is somebody who sets the wall clock, or a suspension of the machine.
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

// stranger has somebody else's process come or go.
func (m *model) stranger() {
	var others []*task
	for _, pid := range m.pids {
		if t := m.tasks[pid]; !t.ours && !t.dead && !t.unborn && t != m.init && t != m.self {
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
	ts := slices.DeleteFunc(m.living(), func(t *task) bool { return t.unborn || t.spawning })
	if len(ts) == 0 || len(ts) > m.knobs.pids/4 {
		return
	}
	t := ts[m.chance.IntN(len(ts))]
	deeds := trade{begets(nil), begets(trade{exits(0)}), begets(trade{begets(nil), exits(0)}), begetsSibling(nil), execs("/daemon"), execs("/helper"), leads, reaps, isTraced, makesThread, losesHead}
	if len(t.plan) == 0 {
		deeds[m.chance.IntN(len(deeds))](m, t)
	}
}
