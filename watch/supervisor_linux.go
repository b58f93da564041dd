package watch

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/timer"
	"respawner/watch/control"
	"respawner/watch/service"
)

// Supervisor watches services in one epoll loop, on one thread.
type Supervisor struct {
	pid     int
	loop    *loop
	timers  *timer.Timer[deadline]
	signals *signals
	spawner *spawner
	units   []*unit

	procs  map[int]*process // all live processes of all services
	ghosts []*process       // those without a pidfd
	kills  []kill           // signals that wait to be sent
	early  early

	strangers map[int]bool // children of ours that are of no service
	buried    bool         // in this turn somebody was, which frees descriptors
	childDied bool         // somebody may wait to be reaped that no pidfd tells of

	conn     *procconn.Conn // nil: the children files are scanned
	connSlot *slot
	emptied  bool   // its queue was empty when it was last read
	lost     bool   // it dropped events that no scan has made up for yet
	reason   string // why there is no connector
	resyncs  int
}

// unit is one service in the supervisor.
type unit struct {
	machine *service.Machine
	name    string
	config  Config
	program Program
	log     *slog.Logger
	server  *server
	pidfile *pidfile
	claimed int    // the last pid that the pidfile named rightly
	note    string // what is wrong with the pidfile
	outcome *service.Done
}

// deadline names a timer of the supervisor: one of a service, of a client, of
// a control socket, or of a dead process.
type deadline struct {
	unit   *unit
	timer  service.Timer
	peer   *peer
	server *server
	dead   *process
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
// loop: TERM, INT and QUIT end the service.
//
// The error says what kept the loop from being made, or broke it; then the
// service, if it had been started, runs on without a supervisor.
func Run(c Config) (Result, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s, err := newSupervisor(c)
	if err != nil {
		return Result{}, fmt.Errorf("supervise %s: %w", c.Spec.Name, err)
	}
	for _, u := range s.units {
		s.tell(u, service.Start{})
	}
	for err == nil && !s.done() {
		err = s.loop.turn(s.catchUp)
		s.check(s.reapRest())
		if s.buried && len(s.ghosts) > 0 {
			s.catchUp() // there may be a descriptor for them now
		}
		if s.buried = false; s.emptied {
			s.signal(len(s.kills))
		}
	}
	result := s.result(s.units[0])
	return result, errors.Join(err, s.close())
}

func (s *Supervisor) done() bool {
	for _, u := range s.units {
		if u.outcome == nil {
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

func newSupervisor(c Config) (*Supervisor, error) {
	s := &Supervisor{pid: os.Getpid(), procs: map[int]*process{}}
	u := &unit{machine: service.New(c.Spec), name: c.Spec.Name, config: c, program: c.Program, log: c.Log}
	s.units = []*unit{u}
	err := becomeSubreaper()
	for _, make := range []func() error{s.makeLoop, s.makeTimers, s.makeSignals, s.makeSpawner, u.makePidfile(s), u.makeServer(s)} {
		if err == nil {
			err = make()
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	s.noteStrangers()
	s.connect()
	return s, nil
}

func (s *Supervisor) makeLoop() (err error) {
	s.loop, err = newLoop()
	return err
}

func (s *Supervisor) makeTimers() (err error) {
	if s.timers, err = timer.New[deadline](); err != nil {
		return err
	}
	_, err = s.loop.add(rankTimer, s.timers.FD(), unix.EPOLLIN, func(uint32) {
		s.check(s.timers.Expired(time.Now(), s.due))
	})
	return err
}

func (s *Supervisor) makeSignals() (err error) {
	if s.signals, err = newSignals(); err != nil {
		return err
	}
	_, err = s.loop.add(rankSignal, s.signals.fd, unix.EPOLLIN, func(uint32) {
		s.check(s.signals.read(s.signalled))
	})
	return err
}

func (s *Supervisor) makeSpawner() (err error) {
	if s.spawner, err = newSpawner(1); err != nil {
		return err
	}
	_, err = s.loop.add(rankWake, s.spawner.wake.fd, unix.EPOLLIN, func(uint32) { s.spawned() })
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
	case d.dead != nil:
		s.bury(d.dead, d.dead.exit)
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
	case unix.SIGPIPE: // of a log that nobody reads: telling of it would be the next one
	default:
		s.units[0].log.Info(fmt.Sprintf("%s ignored", unix.SignalName(sig)))
	}
}

func (s *Supervisor) stop() {
	for _, u := range s.units {
		s.tell(u, service.Stop{})
	}
}

// close gives everything back; processes that still run are left alone.
func (s *Supervisor) close() error {
	var errs []error
	for _, p := range s.procs {
		if p.pidfd >= 0 {
			errs = append(errs, unix.Close(p.pidfd))
		}
	}
	for _, u := range s.units {
		errs = append(errs, u.close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
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
