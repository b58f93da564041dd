package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"respawner/watch"
	"respawner/watch/control"
)

// supervision is one supervisor at work: its command line, and what it has
// open.
type supervision struct {
	o    options
	path string // of the program
	tell func(report)

	log    logger
	dir    *control.Dir
	claim  *control.Claim
	before *baggage // of an earlier binary in this process, nil for none
	alone  bool     // the service may run on without this supervisor: a later one must find it
	unsaid error    // why the log that was chosen could not be opened
	output watch.Output

	warnings []string // what the user should know besides
}

// warn adds a warning to the log, and to the first report.
func (s *supervision) warn(text string) {
	if text != "" {
		s.log.Warn(s.o.Name + ": " + text)
		s.warnings = append(s.warnings, text)
	}
}

// warned adds the warnings to a report, unless nothing was started.
func (s *supervision) warned(r report) report {
	for _, text := range s.warnings {
		if !r.Already {
			r = r.warn(text)
		}
	}
	return r
}

// supervise is the supervisor: it returns when the service has ended. tell
// gets its first report.
func supervise(o options, path string, tell func(report)) error {
	runtime.GOMAXPROCS(1) // in the foreground; in the background procsEnv has told so
	watch.CatchSignals()  // before there is anything that would have to be put away
	var once sync.Once
	s := &supervision{o: o, path: path}
	s.tell = func(r report) { once.Do(func() { tell(s.warned(r)) }) }
	err := s.run(s.takeClaim)
	if err != nil {
		s.tell(report{Status: exitCode(err), Text: err.Error(), Ended: true})
	}
	return err
}

// takeOver supervises in the place of an earlier binary in this process.
func takeOver(o options, path string, before *baggage) error {
	s := &supervision{o: o, path: path, tell: func(report) {}, before: before}
	return s.run(s.reclaim)
}

// run opens the log, has the service claimed, and supervises it.
func (s *supervision) run(claim func() error) (err error) {
	if err = s.openLog(); err != nil {
		return err
	}
	err = claim()
	if err == nil && s.claim != nil {
		err = s.superviseClaimed()
	}
	if s.dir != nil {
		err = errors.Join(err, s.dir.Close())
	}
	return errors.Join(err, s.log.close())
}

// openLog opens the log that was chosen, or else another one: a service that runs already must be supervised,
// or ended, all the same.
func (s *supervision) openLog() (err error) {
	fd := 0
	if s.before != nil {
		fd = s.before.Log
	}
	var warning string
	s.log, warning, s.unsaid = goOnLogging(s.o, fd)
	if s.unsaid != nil {
		instead := s.o
		instead.Log = logSyslog
		s.log, warning, err = newLogger(instead)
	}
	if s.unsaid == nil {
		s.warn(warning)
	} else if warning != "" {
		s.unsaid = fmt.Errorf("%w; %s", s.unsaid, warning)
	}
	return err
}

// takeClaim claims the service, unless another supervisor has claimed it, which is no
// failure.
func (s *supervision) takeClaim() (err error) {
	if s.dir, err = control.MakeDir(s.o.RuntimeDir); err != nil {
		return err
	}
	if s.o.ControlGroup != 0 {
		if err := s.dir.Share(s.o.ControlGroup); err != nil {
			return err
		}
	}
	claim, err := s.dir.Claim(s.o.Name)
	for errors.Is(err, control.ErrHeld) {
		if ending, err := s.alreadyRuns(); !ending {
			return err
		}
		claim, err = s.dir.Claim(s.o.Name)
	}
	if err != nil {
		return err
	}
	if s.o.Then != watch.ThenRun && !claim.TakenUp() {
		return errors.Join(s.nothingLeft(), claim.Release(nil))
	}
	if claim.TakenUp() && s.o.Then == watch.ThenRun {
		if err := s.sameCommand(); err != nil {
			return errors.Join(err, claim.Abandon())
		}
	}
	if s.unsaid != nil && !claim.TakenUp() {
		return errors.Join(s.unsaid, claim.Release(nil))
	}
	s.warnUnsaid()
	if err := claim.WritePidfile(s.o.supervisorPidfile(s.o.Name)); err != nil {
		if s.o.PidDir == s.o.RuntimeDir && !claim.TakenUp() {
			return errors.Join(err, claim.Release(nil))
		}
		s.log.Warn(s.o.Name+": going on without it", "error", err) // another user's service may have the name
	}
	if claim.Weak != nil {
		s.log.Warn(s.o.Name+": never remove its files", "error", claim.Weak)
	}
	s.claim = claim
	return nil
}

// reclaim goes on with the claim of the earlier binary. There is no way back, so each fault
// is only a warning.
func (s *supervision) reclaim() (err error) {
	if s.claim, err = control.TakeOver(s.o.Name, s.before.Handover, s.o.ControlGroup); err != nil {
		s.log.Error(s.o.Name+": going on all the same", "error", err)
	}
	s.warnUnsaid()
	return nil
}

// warnUnsaid says where messages go, if the log that was chosen could not be opened.
func (s *supervision) warnUnsaid() {
	if s.unsaid != nil {
		s.warn(fmt.Sprintf("messages go to syslog: %v", s.unsaid))
	}
}

func (s *supervision) superviseClaimed() error {
	s.alone = s.before != nil || s.claim.TakenUp()
	last, err := s.hold()
	if s.alone {
		s.log.Error(s.o.Name+": it may run on without a supervisor: another start, adopt or stop finds it", "error", err)
		return errors.Join(err, s.claim.Abandon())
	}
	if e := s.claim.Release(last); e != nil {
		s.log.Warn(s.o.Name+": putting things away", "error", e)
	}
	s.log.Info("stopped")
	return err
}

// nothingLeft reports that the service to be taken over, or ended, has ended by now.
func (s *supervision) nothingLeft() error {
	if s.o.Then != watch.ThenStop {
		return fmt.Errorf("%s is not running: nothing to take over", s.o.Name)
	}
	s.tell(report{Text: s.o.Name + " was stopped", Ended: true})
	return nil
}

// hold supervises what is claimed. It returns the last words to be left
// behind: none after a start that came to nothing.
func (s *supervision) hold() (*control.Status, error) {
	warning, err := s.openOutput()
	if err != nil {
		return nil, err
	}
	s.warn(warning)
	h, c, err := s.configure()
	if err == nil {
		err = s.goOn(&c)
	}
	if err != nil {
		return nil, err
	}
	unborn := false
	c.Output = s.output
	c.Report = func(r watch.Report) {
		unborn = r.Ended && r.Status != 0
		s.tell(announce(s.o.Name, r))
	}
	result, err := watch.Run(context.Background(), h, c)
	s.alone = err != nil && (s.alone || result.Last != nil)
	if err == nil {
		err = s.o.ending(result)
	}
	if unborn && !s.claim.Known() {
		return nil, err
	}
	return result.Last, err
}

// openOutput opens what the program writes to. It returns what the user is to be warned of.
func (s *supervision) openOutput() (warning string, err error) {
	fd := 0
	if s.before != nil {
		fd = s.before.Output
	}
	s.output, warning, err = openOutput(s.o, s.claim, s.alone, fd)
	return warning, err
}

// goOn returns the state to go on with: the state that an earlier binary has handed
// over, or that a killed supervisor has left.
func (s *supervision) goOn(c *watch.Config) error {
	switch name := s.o.Name; {
	case s.before != nil:
		c.Resume = &watch.Resume{Upgraded: true}
		return nil
	case s.claim.TakenUp():
		s.log.Warn(name + ": its supervisor has died: taking over what it left")
		state, err := s.dir.State(name)
		if err != nil {
			s.log.Warn(name+": it has left no state", "error", err)
		}
		c.Resume = &watch.Resume{State: state, Then: s.o.Then, Signal: s.o.Halt.Signal}
	}
	s.log.Info(fmt.Sprintf("started (pid %d), command: start %s", os.Getpid(), s.o.Name))
	if s.o.Then == watch.ThenStop { // for its end it may be called in another way
		return nil
	}
	if err := s.claim.WriteDefinition(s.o.definition(s.path)); err != nil { // a disk that is full must not keep a service from being ended
		s.log.Warn(s.o.Name+": later it can't be told how it was started this time", "error", err)
	}
	return nil
}

func announce(name string, r watch.Report) report {
	switch {
	case r.TakenOver && r.PID == 0:
		return report{Text: fmt.Sprintf("%s: its supervisor had died, taken over; %s", name, r.Text)}
	case r.TakenOver:
		return report{Text: fmt.Sprintf("%s runs, main pid %d: its supervisor had died, taken over", name, r.PID)}
	case r.PID != 0:
		return report{Text: fmt.Sprintf("%s is running, main pid %d", name, r.PID), Started: true}
	}
	return report{Status: r.Status, Text: r.Text, Ended: r.Ended, Output: r.Output}
}

// said returns "" for a text that the user has already read in the log.
func said(o options, text string) string {
	if o.Foreground && o.Log == logStderr {
		return ""
	}
	return text
}
