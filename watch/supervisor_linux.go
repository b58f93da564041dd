package watch

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// Supervisor watches services in one epoll loop, on one thread.
type Supervisor struct {
	kernel
	pid     int
	loop    *loop
	timers  timers
	signals signalSource
	spawner starter
	units   []*unit

	procs   map[int]*process // all live processes of all services
	entered int              // how many there ever were
	ghosts  []*process       // those without a pidfd
	blind   bool             // some of them live, and that was told
	kills   []kill           // signals that wait to be sent
	early   early

	strangers map[int]bool // children of ours that are of no service, until we reap them
	unreaped  map[int]bool // who is buried, but may come to us as a zombie
	mixed     bool         // we had children before we were a supervisor
	buried    bool         // in this turn somebody was, which frees descriptors
	childDied bool         // somebody may wait to be reaped that no pidfd tells of

	ladder ladder // how births are known
}

// unit is one service in the supervisor.
type unit struct {
	machine  *service.Machine
	name     string
	config   Config
	program  Program
	log      *slog.Logger
	server   *server
	pidfile  *pidfile
	output   *output
	journal  journal
	recorder recorder
	handover handover      // of an earlier binary in this process
	quoting  bool          // the program's last words were asked for
	said     []string      // them, of what has failed or was restarted
	failure  *Report       // of the first start, while they are looked for
	started  time.Duration // when the last start was begun (CLOCK_BOOTTIME)
	begun    time.Time     // the same
	claimed  int           // the last pid that the pidfile named rightly
	note     string        // what is wrong with the pidfile
	unclean  string        // what could not be removed before the last start
	outcome  *service.Done
}

// deadline names a timer of the supervisor: one of a service, of its report, of
// a client, of a control socket, of a dead process, of the ladder, or of a
// record.
type deadline struct {
	unit   *unit
	timer  service.Timer
	quote  bool
	peer   *peer
	server *server
	dead   *process
	ladder *ladder
	record *unit
}

// Result is how a service ended.
type Result struct {
	// Status is what a command should exit with, 0 for a normal end.
	Status int
	// Text says why.
	Text string
	// Last is what there is to be said of the service from then on.
	Last *control.Status
}

// Run supervises one service until it has ended. It must be called once in a
// process, which becomes a child subreaper and gets its signals by way of the
// loop: TERM, INT and QUIT end the service, USR1 opens log files anew.
//
// The error says what kept the loop from being made, or broke it; then the
// service, if it had been started, runs on without a supervisor.
func Run(c Config) (Result, error) {
	if err := Probe(); err != nil {
		return Result{}, fmt.Errorf("supervise %s: %w", c.Spec.Name, err)
	}
	makeThreads()
	results, err := superviseAll(c)
	if err != nil {
		err = fmt.Errorf("supervise %s: %w", c.Spec.Name, err)
	}
	return results[0], err
}

// superviseAll supervises services until all have ended. The first one's log gets what
// concerns them all.
func superviseAll(configs ...Config) ([]Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	results := make([]Result, len(configs))
	s, err := newSupervisor(linux{}, configs...)
	if err != nil {
		return results, err
	}
	err = s.run()
	for i, u := range s.units {
		results[i] = s.result(u)
	}
	return results, errors.Join(err, s.close())
}

// run starts the services, and turns the loop until all have ended.
func (s *Supervisor) run() (err error) {
	for _, u := range s.units {
		s.begin(u)
	}
	for err == nil && !s.done() {
		err = s.loop.turn(s.catchUp)
		s.check(s.reapRest())
		if s.ladder.unfinished() && !s.early.waiting() {
			s.spawner.wake() // another turn, whether anything happens or not
		}
		if s.buried && len(s.ghosts) > 0 {
			s.catchUp() // there may be a descriptor for them now
		}
		if s.buried = false; s.ladder.emptied {
			s.signal(len(s.kills))
		}
		for _, u := range s.units {
			s.check(u.journal.write())
		}
		s.recordAll()
		s.upgradeIfCalm()
	}
	return err
}

func (s *Supervisor) done() bool {
	for _, u := range s.units {
		if u.outcome == nil || u.quoting {
			return false
		}
	}
	return true
}

// result is the outcome of a service; a broken loop leaves it without one.
func (s *Supervisor) result(u *unit) Result {
	r := Result{Status: 1, Last: s.status(u)}
	r.Last.SupervisorPID = 0
	if u.outcome != nil {
		r.Status, r.Text = u.outcome.Status, u.outcome.Text
	}
	return r
}

func newSupervisor(k kernel, configs ...Config) (*Supervisor, error) {
	s := &Supervisor{kernel: k, pid: k.getpid(), procs: map[int]*process{}, unreaped: map[int]bool{}}
	rooms := []func() error{s.becomeSubreaper, s.makeLoop, s.makeTimers, s.makeSignals, s.makeSpawner}
	for _, c := range configs {
		u := s.newUnit(c)
		s.units = append(s.units, u)
		rooms = append(rooms, u.makeOutput(s), u.makePidfile(s), u.makeServer(s))
	}
	var err error
	for _, make := range rooms {
		if err == nil {
			err = make()
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if r := configs[0].Resume; r == nil || !r.Upgraded { // else those who are there are the service's
		s.noteStrangers()
	}
	if err := s.firstClimb(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Supervisor) newUnit(c Config) *unit {
	c.Spec.Pidfile = c.Pidfile != ""
	c.Program.Env = marked(c.Program.Env, c.Spec.Name, c.ID)
	c.Program.pipe = c.Output.Pipe
	u := &unit{
		machine: service.New(c.Spec), name: c.Spec.Name, config: c, program: c.Program, log: c.Log,
		journal: newJournal(c.History), recorder: newRecorder(c.State, s.kernel),
	}
	if c.Resume != nil && c.Resume.Upgraded {
		u.readHandover(s.now(), s.uptime())
		u.config.Output.Begun = u.handover.Begun
	}
	return u
}

func (s *Supervisor) makeLoop() (err error) {
	s.loop, err = newLoop(s.kernel)
	return err
}

func (s *Supervisor) makeTimers() (err error) {
	if s.timers, err = s.newTimers(); err != nil {
		return err
	}
	_, err = s.loop.add(rankTimer, s.timers.FD(), unix.EPOLLIN, func(uint32) {
		s.check(s.timers.Expired(s.now(), s.due))
	})
	return err
}

func (s *Supervisor) makeSignals() (err error) {
	if s.signals, err = s.newSignals(); err != nil {
		return err
	}
	_, err = s.loop.add(rankSignal, s.signals.FD(), unix.EPOLLIN, func(uint32) {
		s.check(s.signals.read(s.signalled))
	})
	return err
}

func (s *Supervisor) makeSpawner() (err error) {
	if s.spawner, err = s.newStarter(len(s.units)); err != nil {
		return err
	}
	_, err = s.loop.add(rankWake, s.spawner.FD(), unix.EPOLLIN, func(uint32) { s.spawned() })
	return err
}

// check logs an error of a room that should not happen, and can't be mended.
func (s *Supervisor) check(err error) {
	if err != nil {
		s.units[0].log.Error(err.Error())
	}
}

func (s *Supervisor) due(d deadline) {
	switch {
	case d.peer != nil:
		d.peer.server.drop(d.peer)
	case d.server != nil:
		d.server.resume()
	case d.ladder != nil:
		s.probe()
	case d.record != nil:
		s.writeRecord(d.record)
	case d.dead != nil:
		s.impatient(d.dead)
	case d.quote:
		s.quoted(d.unit, nil)
	default:
		s.tell(d.unit, service.Due{Timer: d.timer})
	}
}

func (s *Supervisor) signalled(sig unix.Signal) {
	if slices.Contains(ignored, sig) {
		return
	}
	switch sig {
	case unix.SIGCHLD:
		s.childDied = true
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		s.stop()
	case unix.SIGHUP:
		if s.units[0].config.StopOnHangup {
			s.stop()
		}
	case unix.SIGUSR1:
		for _, u := range s.units {
			u.reopen()
		}
	case unix.SIGPIPE: // of a log that nobody reads: telling of it would be the next one
	default:
		s.units[0].log.Info(fmt.Sprintf("%s ignored", unix.SignalName(sig)))
	}
}

func (s *Supervisor) stop() {
	s.lookAround()
	for _, u := range s.units {
		s.tell(u, service.Stop{})
	}
}

// close gives everything back; processes that still run are left alone.
func (s *Supervisor) close() error {
	var errs []error
	for _, p := range s.everybody() {
		if p.pidfd >= 0 {
			errs = append(errs, s.closeFD(p.pidfd))
		}
	}
	for _, u := range s.units {
		errs = append(errs, u.close())
	}
	s.hangUp()
	if s.spawner != nil {
		errs = append(errs, s.spawner.close())
	}
	if s.signals != nil {
		errs = append(errs, s.signals.close())
	}
	if s.timers != nil {
		errs = append(errs, s.timers.Close())
	}
	if s.loop != nil {
		errs = append(errs, s.loop.close())
	}
	return errors.Join(errs...)
}
