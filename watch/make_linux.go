package watch

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
	"respawner/watch/settle"
)

func newHost(k kernel, configs ...Config) (*Host, error) {
	s := &Host{kernel: k, pid: k.getpid(), log: configs[0].Log}
	s.table = settle.New(s.pid, settle.Policy{})
	s.wasAhead, _ = s.ahead()
	rooms := []func() error{s.becomeSubreaper, s.makeLoop, s.makeTimers, s.makeSignals, func() error { return s.makeSpawner(len(configs)) }, s.makeErrands, s.makeOOM}
	for _, c := range configs {
		rooms = append(rooms, func() error { return s.addUnit(c) })
	}
	var err error
	for _, make := range rooms {
		if err == nil {
			err = make()
		}
	}
	if err == nil {
		err = s.firstClimb(configs[0].Tracking)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	if r := configs[0].Resume; r != nil && r.Upgraded { // those that are there are the services'
		s.takeOverHost(r.State)
	} else {
		s.noteStrangers()
	}
	return s, nil
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

// addUnit adds a service; its rooms are there when it returns.
func (s *Host) addUnit(c Config) error {
	u := s.newUnit(c)
	s.units = append(s.units, u)
	u.id = settle.Unit(len(s.units))
	for _, make := range []func() error{u.makeOutput(s), u.makePidfile(s), u.makeServer(s), u.makeKeeper(s)} {
		if err := make(); err != nil {
			return err
		}
	}
	return nil
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
		u.readHandover(s.now(), s.uptime())
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

func (s *Host) makeSpawner(units int) (err error) {
	if s.spawner, err = s.newStarter(units); err != nil {
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
		errs = append(errs, u.close())
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
