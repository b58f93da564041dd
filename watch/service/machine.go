package service

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// State is where a service is, in systemd's sense of the words.
type State int

// The states of a service. Stopped and Failed are where it begins and ends.
const (
	Stopped  State = iota
	Starting       // the program runs, but it is not settled which process is main
	Running        // up
	Stopping       // being ended
	Backoff        // crashed: what is left is being ended, then a restart is due
	Failed         // given up
	states
)

func (s State) String() string {
	return [...]string{"stopped", "starting", "running", "stopping", "backoff", "failed"}[s]
}

// Machine is the life of one service. It is not safe for concurrent use.
type Machine struct {
	spec   Spec
	state  State
	since  time.Time
	forest forest

	run      int   // the number of the last Spawn
	spawning bool  // it has not been answered yet
	restored int   // the last Spawn of before Restore: the supervisor that was asked can't answer any more
	starter  *proc // what it started, while that lives
	program  *Program

	main     *proc    // the main process; nil before up
	leaving  *proc    // what was main when a stop or restart was asked for
	named    int      // pid the pidfile names, 0 for none
	followed bool     // the program did put itself into the background
	daemon   bool     // it was up in the background once
	wound    LastExit // the end of a root's real server, which was killed

	deadlines [timers]time.Time // those that are set, for a restored machine to set again
	late      time.Duration     // by how much the last one that was due was missed

	settleBy  time.Time // when a start is over, whatever comes and goes
	childless *death    // of a starter that has left no known process; the pidfile may name one
	respawn   time.Time // when the next start is due; zero once it is
	hard      bool      // patience is over: KILL
	stuck     bool      // and some have outlived it
	spared    bool      // patience was prolonged
	asked     bool      // a process was asked to end: patience has begun

	timeout *time.Duration // of this stop, nil for the usual one
	signal  int            // of this stop, 0 for TERM

	verdict  verdict // what Stopping leads to
	again    bool    // it leads to another start
	restarts int
	lastExit LastExit
	message  string

	restoring bool    // it has yet to resume
	unheard   []Event // until then

	effects []Effect
}

// verdict is how a service ends: Stopped, or Failed with what Done says.
type verdict struct {
	failed bool
	status int
	text   string
}

// LastExit is how the service last went down: the last end of main, or of the
// process whose end was the service's crash. A starter that hands over has not
// ended the program, so its end is one only if it failed.
type LastExit struct {
	PID  int // 0: none has ended yet
	Exit Exit
	At   time.Time
}

// New returns a stopped service.
func New(spec Spec) *Machine { return &Machine{spec: spec, program: &Program{}} }

type cell func(m *Machine, now time.Time, ev Event)

// table is what each state does with each event. The forest itself is kept by
// Step, before the state has its say.
var table = [states][kinds]cell{
	Stopped: {
		onStart: begin, onStop: ignore, onSpawned: ignore, onSpawnFailed: ignore, onForked: ignore,
		onExeced: ignore, onExited: ignore, onReleased: ignore, onNamed: ignore, onOOMKilled: ignore, onRestart: ignore, onReset: ignore, onResume: resume, onDue: ignore,
	},
	Starting: {
		onStart: ignore, onStop: stop, onSpawned: spawned, onSpawnFailed: spawnFailed, onForked: ignore,
		onExeced: ignore, onExited: exitedStarting, onReleased: ignore, onNamed: namedStarting, onOOMKilled: ignore, onRestart: restart, onReset: reset, onResume: resume, onDue: dueStarting,
	},
	Running: {
		onStart: ignore, onStop: stop, onSpawned: ignore, onSpawnFailed: ignore, onForked: ignore,
		onExeced: execedRunning, onExited: exitedRunning, onReleased: ignore, onNamed: namedRunning, onOOMKilled: ignore, onRestart: restart, onReset: reset, onResume: resume, onDue: dueRunning,
	},
	Stopping: {
		onStart: startAgain, onStop: stopForGood, onSpawned: endRest, onSpawnFailed: endRest, onForked: endRest,
		onExeced: ignore, onExited: exitedStopping, onReleased: endRest, onNamed: ignore, onOOMKilled: ignore, onRestart: ignore, onReset: ignore, onResume: resume, onDue: dueEnding,
	},
	Backoff: {
		onStart: ignore, onStop: stop, onSpawned: ignore, onSpawnFailed: ignore, onForked: endRest,
		onExeced: ignore, onExited: endRest, onReleased: endRest, onNamed: ignore, onOOMKilled: ignore, onRestart: restart, onReset: resetBackoff, onResume: resume, onDue: dueEnding,
	},
	Failed: {
		onStart: begin, onStop: ignore, onSpawned: ignore, onSpawnFailed: ignore, onForked: ignore,
		onExeced: ignore, onExited: ignore, onReleased: ignore, onNamed: ignore, onOOMKilled: ignore, onRestart: ignore, onReset: ignore, onResume: resume, onDue: ignore,
	},
}

func ignore(*Machine, time.Time, Event) {}

// Step tells the machine what happened at now and returns what to do, in
// order. The effects are valid until the next Step.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	m.effects = m.effects[:0]
	if due, ok := ev.(Due); ok {
		m.late = now.Sub(m.deadlines[due.Timer])
		m.deadlines[due.Timer] = time.Time{}
	}
	if ev, ok := m.note(now, ev); ok {
		m.react(now, ev)
	}
	return m.effects
}

// react has the state say what is to be done. One that was restored hears of
// nothing before it resumes: only then is it known which processes live, and until then a
// death could look like that of the last one.
func (m *Machine) react(now time.Time, ev Event) {
	if m.restoring && ev.kind() != onResume {
		m.hearLater(ev)
		return
	}
	unheard, run := m.unheard, m.run
	m.restoring, m.unheard = false, nil
	for _, old := range unheard {
		if m.run == run { // else it was answered by a start
			table[m.state][old.kind()](m, now, old)
		}
	}
	table[m.state][ev.kind()](m, now, ev)
}

// hearLater keeps what happens until the machine resumes. A stop undoes what was
// asked before it, and is heard first: else a death, or a reset, would lead to a
// start, and the stop be taken for answered by that.
func (m *Machine) hearLater(ev Event) {
	if ev.kind() != onStop {
		m.unheard = append(m.unheard, ev)
		return
	}
	rest := slices.DeleteFunc(m.unheard, func(ev Event) bool {
		return slices.Contains([]kind{onStart, onStop, onRestart, onReset}, ev.kind())
	})
	m.unheard = slices.Insert(rest, 0, ev)
}

// enter is the one door into a state.
func (m *Machine) enter(now time.Time, s State) {
	m.state, m.since = s, now
}

func (m *Machine) do(e Effect) { m.effects = append(m.effects, e) }

func (m *Machine) arm(t Timer, at time.Time) {
	m.deadlines[t] = at
	m.do(Arm{t, at})
}

func (m *Machine) disarm(t Timer) {
	m.deadlines[t] = time.Time{}
	m.do(Disarm{t})
}

func (m *Machine) log(format string, args ...any) {
	m.do(Log{Text: fmt.Sprintf(format, args...)})
}

func (m *Machine) warn(format string, args ...any) {
	m.do(Log{Warn: true, Text: fmt.Sprintf(format, args...)})
}

// Run is the number of the last Spawn, 0 before the first.
func (m *Machine) Run() int { return m.run }

// Spawning reports whether a Spawn has not been answered yet.
func (m *Machine) Spawning() bool { return m.spawning }

// Settling reports whether it is still open which process is main.
func (m *Machine) Settling() bool { return m.state == Starting || m.unsure() }

// LastExit is how the service last went down.
func (m *Machine) LastExit() LastExit { return m.lastExit }

// State is where the service is.
func (m *Machine) State() State { return m.state }

// Children are the children of a live process of the forest, oldest first.
func (m *Machine) Children(pid int) []int {
	p := m.forest.procs[pid]
	if p == nil {
		return nil
	}
	var out []int
	for _, c := range inOrder(maps.Keys(p.children)) {
		out = append(out, c.pid)
	}
	return out
}

// Parent is the parent of a live process of the forest, 0 for a root.
func (m *Machine) Parent(pid int) int {
	if p := m.forest.procs[pid]; p != nil && p.parent != nil {
		return p.parent.pid
	}
	return 0
}

// LacksArgs reports whether the arguments of a live process matter, and are not known: one that it
// is compared with runs the same file.
func (m *Machine) LacksArgs(pid int) bool {
	p := m.forest.procs[pid]
	if p == nil || p.program.File == "" || p.program.Args != "" {
		return false
	}
	return p.program.sameFile(m.program) || p.parent != nil && p.program.sameFile(p.parent.program) ||
		p.was != nil && p.program.sameFile(p.was)
}

// Program is what a live process of the forest runs, as far as is known.
func (m *Machine) Program(pid int) Program {
	if p := m.forest.procs[pid]; p != nil {
		return *p.program
	}
	return Program{}
}
