package watch

import (
	"slices"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// What the processes of the model do.

// trade is what a process has still to do; one that has nothing left lives on.
type trade []deed

// then is a trade and what comes after it; several may go on from one.
func (plan trade) then(deeds ...deed) trade { return slices.Concat(plan, deeds) }

// deed is one thing that a process does. It reports whether it was the last one.
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
// init by that, which is found only when no other process is left.
func begetsSibling(plan trade) deed {
	return func(m *model, t *task) {
		if child := m.fork(t, t.parent != m.init); child != nil {
			child.plan = slices.Clone(plan)
		}
	}
}

func execs(file string) deed { return func(m *model, t *task) { m.exec(t, file) } }

// leads is setsid. Of one that hides its session is all that tells its service.
func leads(m *model, t *task) {
	if !t.secret {
		m.enterSession(t, t.pid)
		t.home = false
	}
}

func reaps(m *model, t *task) { t.reaper = true }

func isTraced(m *model, t *task) { t.traced = true }

func makesThread(m *model, t *task) { m.tellThread(t) }

// losesHead is what a process does that loses its first thread before the others.
func losesHead(m *model, t *task) {
	if !t.headless {
		t.headless = true
		m.exits = append(m.exits, exitNews{t.pid, 0})
	}
}

func neglects(m *model, t *task) { t.lazy = true }

func ignoresTerm(m *model, t *task) { t.heedless = true }

// program is one of the shapes of what a service starts: those that behave come first.
func (m *model) program(of *subject) trade {
	daemon := m.daemon()
	shapes := []trade{
		daemon,
		{begets(daemon), exits(0)},
		{begets(trade{leads, begets(daemon), exits(0)}), exits(0)},
		{begets(daemon), begets(nil), exits(0)},
		{begetsSibling(daemon), exits(0)},
		{begets(trade{leads, execs("/other")}.then(daemon...)), exits(0)},
		{begets(trade{begetsSibling(daemon), begets(daemon), exits(0)}), exits(0)},
		{begets(trade{reaps}.then(daemon...)), exits(0)},
		{begets(trade{neglects}.then(daemon...)), exits(0)},
		{begets(trade{ignoresTerm}.then(daemon...)), exits(0)},
		{exits(1)},
		{exits(0)},
		{begets(daemon), exits(1)},
		{begets(daemon), ends(11)},
		{begets(daemon.then(exits(1))), exits(0)},
		{begets(daemon.then(exits(0))), exits(0)},
	}
	if !m.life.chaos {
		shapes = shapes[:map[service.Follow]int{service.FollowOn: 6, service.FollowAuto: 6, service.FollowOff: 1}[of.config.Spec.Follow]]
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

// hides is what a process does that runs a setuid program. It is not one of which
// only its environment tells the service.
func hides(m *model, t *task) { t.secret = t.secret || t.home && m.isBelow(t) }

// changesUser is what a process does that becomes another user's: it can't be
// signalled, either.
func changesUser(m *model, t *task) {
	hides(m, t)
	t.other = t.secret
}
