package watch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// build makes the rooms of the host and of its first services.
func (s *Host) build(configs ...Config) error {
	s.wasAhead, _ = s.ahead()
	rooms := []func() error{s.becomeSubreaper, s.makeLoop, s.makeTimers, s.makeSignals, s.makeSpawner, s.makeErrands, s.makeOOM}
	err := makeAll(rooms...)
	for _, c := range configs {
		if err == nil {
			_, err = s.addUnit(c)
		} else {
			err = errors.Join(err, c.abandon())
		}
	}
	if err == nil {
		err = s.firstClimb()
	}
	if err != nil {
		return errors.Join(err, s.close())
	}
	if s.config.Handover != nil { // those that are there are the services'
		s.takeOverHost(s.config.Handover)
	} else {
		s.noteStrangers()
	}
	return nil
}

// makeAll makes rooms until one can't be made.
func makeAll(rooms ...func() error) (err error) {
	for _, make := range rooms {
		if err == nil {
			err = make()
		}
	}
	return err
}

// noteStrangers is for children that the process had before it became a supervisor (exec by a
// shell with jobs): they, and those that they fork, are of no service.
func (s *Host) noteStrangers() {
	for _, pid := range s.childrenOf(s.pid) {
		s.mixed = true
		s.table.Strange(pid)
	}
	s.settle()
}

// addUnit adds a service; its rooms are there when it returns. With an error they are
// given back.
func (s *Host) addUnit(c Config) (*unit, error) {
	if s.find(c.Spec.Name) != nil {
		return nil, errors.Join(ErrExists, c.abandon())
	}
	u := s.newUnit(c)
	s.last++
	u.id, s.units = s.last, append(s.units, u)
	if err := makeAll(u.makeOutput(s), u.makePidfile(s), u.makeServer(s), u.makeKeeper(s)); err != nil {
		s.dismiss(u)
		return nil, err
	}
	return u, nil
}

func (s *Host) newUnit(c Config) *unit {
	c.Spec.Pidfile = c.Pidfile != ""
	c.Program.Env = marked(c.Program.Env, c.Spec.Name, c.ID)
	c.Program.pipe = c.Output.Pipe
	u := &unit{
		machine: service.New(c.Spec), name: c.Spec.Name, config: c, program: c.Program, log: c.Log,
		journal: newJournal(c.History, &s.errands.disks), recorder: newRecorder(c.State, s.kernel, &s.errands.disks),
		users: []int{os.Getuid()},
	}
	if c.Resume != nil && c.Resume.Upgraded {
		u.readHandover(s.config.Handover, s.now(), s.uptime())
		u.config.Output.Begun = u.handover.Begun
	}
	return u
}

func (s *Host) makeLoop() (err error) {
	s.loop, err = newLoop(s.kernel)
	return err
}

func (s *Host) makeTimers() (err error) {
	if s.timers, err = s.newTimers(); err != nil {
		return err
	}
	_, err = s.loop.add(rankTimer, s.timers.FD(), unix.EPOLLIN, func(uint32) {
		s.check(s.timers.Expired(s.now(), s.due))
	})
	return err
}

func (s *Host) makeSignals() (err error) {
	if s.signals, err = s.newSignals(); err != nil {
		return err
	}
	_, err = s.loop.add(rankSignal, s.signals.FD(), unix.EPOLLIN, func(uint32) {
		s.check(s.signals.read(s.signalled))
	})
	return err
}

func (s *Host) makeSpawner() (err error) {
	if s.spawner, err = s.newStarter(); err != nil {
		return err
	}
	_, err = s.loop.add(rankWake, s.spawner.FD(), unix.EPOLLIN, func(uint32) { s.spawned = true })
	return err
}

// close gives everything back; processes that still run are left alone.
func (s *Host) close() error {
	errs := []error{s.endErrands()}
	s.giveBack()
	for _, p := range s.table.Kept() {
		if p.FD >= 0 {
			errs = append(errs, s.closeFD(p.FD))
		}
	}
	for _, u := range s.units {
		s.closeServer(u)
	}
	s.hangUp()
	if s.spawner != nil {
		errs = append(errs, s.spawner.close())
	}
	if s.oom.reports != nil {
		errs = append(errs, s.oom.reports.close())
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
