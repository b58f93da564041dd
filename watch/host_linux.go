package watch

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// Host watches services in one epoll loop, on one thread. It has what there is once in a
// process. [NewHost] makes one.
type Host struct {
	kernel
	config  HostConfig
	mail    mailbox
	pid     int
	log     *slog.Logger
	loop    *loop
	timers  timers
	signals signalSource
	spawner starter
	errands errands
	recall  recall
	oom     oom
	ladder  ladder  // how births are known
	trial   *tryout // of another binary, nil for none

	table  *settle.Table
	units  []*unit           // in the order of their numbers
	last   settle.Unit       // the number of the last one that was added
	ending bool              // all are being ended, and no further one is added
	kills  []kill            // signals that wait until their process can be opened
	buried []*settle.Process // of these what there is is to be given back
	freed  bool              // descriptors were, in this turn
	blind  bool              // some processes live without a descriptor, and that was told

	wasAhead  time.Duration // see ahead, when all births had last been read
	mixed     bool          // we may have children that are of no service
	spawned   bool          // a start has come out
	childDied bool          // a child may wait to be reaped that no pidfd tells of
}

// unit is one service in the supervisor.
type unit struct {
	id       settle.Unit
	machine  *service.Machine
	name     string
	config   Config
	program  Program
	log      *slog.Logger
	server   *server
	pidfile  *pidfile
	output   *output
	journal  journal
	keeper   keeper
	recorder recorder
	handover unitHandover  // of an earlier binary in this process
	quoting  bool          // the program's last words were asked for
	said     []string      // them, before the last crash
	mute     bool          // there were none
	failure  *Report       // of the first start, while they are looked for
	due      *Report       // the same, while it is being written down
	started  time.Duration // when the last start was begun (CLOCK_BOOTTIME)
	begun    time.Time     // the same
	claimed  int           // the last pid that the pidfile named rightly
	note     string        // what is wrong with the pidfile
	unclean  string        // what could not be removed before the last start
	users    []int         // that processes of the service have been seen with, by uid
	outcome  *service.Done

	run      int  // the start that came out last
	adopting bool // what an earlier supervisor has left is looked for

	leaving []func(Result) // are told when it is removed
	closing int            // how much of it is still to be closed then
	result  Result         // what they are told
}

// deadline names a timer of the supervisor: one of a service, of its report, of
// a client, of a control socket, of a dead process, of the ladder, of a record,
// of the supervisor's files, of the trial of a binary, or of an errand.
type deadline struct {
	unit   *unit
	timer  service.Timer
	quote  bool
	peer   *peer
	server *server
	dead   *settle.Process
	ladder *ladder
	record *unit
	keeper *unit
	trial  *tryout
	errand *errand
}

// turn is a turn of the loop: facts are collected and settled, then the services are told what
// they are asked, and what is due.
func (s *Host) turn() error {
	ready, err := s.loop.wait()
	if err != nil {
		return err
	}
	s.table.Turn()
	s.loop.serve(ready, rankWake, rankPidfd)
	s.readBirths()
	s.takeStarts()
	s.lookAround()
	s.settle()
	s.lookAtRoots()
	s.sendKills()
	s.loop.serve(ready, rankTimer, rankControl)
	s.mail.take()
	return s.endTurn()
}

// endTurn does what comes last in a turn.
func (s *Host) endTurn() error {
	s.childDied = s.childDied || s.freed
	s.check(s.reapRest())
	if s.blind {
		s.table.Retry() // there may be a descriptor for them now, and they may have ended
	}
	s.freed = false
	s.settle()
	s.blind = s.blind && s.table.Unopened() > 0
	s.sendKills()
	s.dismissEnded()
	if s.table.HasMore() {
		s.spawner.wake() // another turn, whether anything happens or not
	}
	if !s.upgradeIfCalm() {
		s.handOff()
	}
	return nil
}

// lookAround finds out which processes there are, where nothing tells of their births: in each
// turn, or on the last step when all of a service are to be ended.
func (s *Host) lookAround() {
	if s.ladder.now == TrackScan || s.ladder.now == TrackPidfile && s.isEnding() {
		s.table.LookAround()
	}
}

// lookAtRoots finds out what the roots of services run whose main process is not settled, where
// nothing tells of an exec.
func (s *Host) lookAtRoots() {
	if s.ladder.now < TrackScan {
		return
	}
	for _, u := range s.units {
		if !u.machine.Settling() {
			continue
		}
		for _, q := range u.machine.Snapshot().Procs {
			if p := s.table.Known(u.id, q.PID); q.Parent == 0 && p != nil {
				s.lookAt(u, p)
			}
		}
	}
}

// isEnding reports whether a service is being ended.
func (s *Host) isEnding() bool {
	for _, u := range s.units {
		if state := u.machine.State(); state == service.Stopping || state == service.Backoff {
			return true
		}
	}
	return false
}

// unit returns the service that has a number.
func (s *Host) unit(id settle.Unit) *unit {
	i, _ := slices.BinarySearchFunc(s.units, id, func(u *unit, id settle.Unit) int { return cmp.Compare(u.id, id) })
	return s.units[i]
}

// find returns the service that has a name; nil if there is none.
func (s *Host) find(name string) *unit {
	i := slices.IndexFunc(s.units, func(u *unit) bool { return u.name == name })
	if i < 0 {
		return nil
	}
	return s.units[i]
}

// done reports whether all services have ended.
func (s *Host) done() bool {
	return !s.oom.lane.busy() && !slices.ContainsFunc(s.units, func(u *unit) bool { return !u.isOver() })
}

// isOver reports whether a service has ended, and nothing is to be said of that any more.
func (u *unit) isOver() bool { return u.outcome != nil && !u.quoting && u.due == nil }

// result is the outcome of a service; a broken loop leaves it without one.
func (s *Host) result(u *unit) Result {
	r := Result{Status: 1, Last: s.status(u)}
	r.Last.SupervisorPID = 0
	if u.outcome != nil {
		r.Status, r.Text = u.outcome.Status, u.outcome.Text
	}
	return r
}

// check logs an error of a room that should not happen, and can't be mended.
func (s *Host) check(err error) {
	if err != nil {
		s.log.Error(err.Error())
	}
}

func (s *Host) due(d deadline) {
	switch {
	case d.peer != nil:
		d.peer.server.drop(d.peer)
	case d.server != nil:
		d.server.resume()
	case d.ladder != nil:
		s.probe()
	case d.trial != nil:
		s.trialLate(d.trial)
	case d.keeper != nil:
		s.keeperDue(d.keeper)
	case d.record != nil:
		s.recordDue(d.record)
	case d.errand != nil:
		s.errands.due(d.errand)
	case d.dead != nil:
		s.table.Impatient(d.dead)
	case d.quote:
		s.quoted(d.unit, nil)
	default:
		s.tell(d.unit, service.Due{Timer: d.timer})
	}
}

func (s *Host) signalled(sig unix.Signal) {
	if slices.Contains(ignored, sig) {
		return
	}
	switch sig {
	case unix.SIGCHLD:
		s.childDied = true
	case unix.SIGTERM, unix.SIGINT, unix.SIGQUIT:
		s.stop()
	case unix.SIGHUP:
		for _, u := range s.units {
			if u.config.StopOnHangup {
				s.tell(u, service.Stop{})
			}
		}
	case unix.SIGUSR1:
		for _, u := range s.units {
			u.reopen()
		}
	case unix.SIGPIPE: // of a log that is not read: telling of it would be the next one
	default:
		s.log.Info(fmt.Sprintf("%s ignored", unix.SignalName(sig)))
	}
}

// stop has all services end, and with them the host.
func (s *Host) stop() {
	s.ending = true
	for _, u := range s.units {
		s.tell(u, service.Stop{})
	}
}
