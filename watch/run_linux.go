package watch

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"respawner/watch/control"
	"respawner/watch/settle"
)

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
// loop: TERM, INT and QUIT end the service, as the end of ctx does; USR1 opens log
// files anew.
//
// The error says what kept the loop from being made, or broke it; then the
// service, if it had been started, runs on without a supervisor.
func Run(ctx context.Context, h HostConfig, c Config) (Result, error) {
	s := NewHost(h)
	results, err := s.superviseHere(ctx, s.done, c)
	if err != nil {
		err = fmt.Errorf("supervise %s: %w", c.Spec.Name, err)
	}
	if results == nil {
		return Result{}, err
	}
	return results[0], err
}

// NewHost returns a host that watches no service yet: [Host.Run] makes all that is in it.
func NewHost(c HostConfig) *Host { return hostOn(linux{}, c) }

func hostOn(k kernel, c HostConfig) *Host {
	s := &Host{kernel: k, config: c, pid: k.getpid(), log: c.Log, mail: mailbox{over: make(chan struct{})}}
	s.table = settle.New(s.pid, settle.Policy{})
	return s
}

// Run supervises services, and those that [Host.Add] adds, until ctx ends or the process
// gets TERM, INT or QUIT: then it ends them all, in order. It must be called once
// in a process; see the function [Run]. The results are those of the services that were not
// removed, in the order in which they were added.
//
// The error says what kept the loop from being made, or broke it; then the services
// run on without a supervisor.
func (s *Host) Run(ctx context.Context, services ...Config) ([]Result, error) {
	return s.superviseHere(ctx, func() bool { return s.ending && s.done() }, services...)
}

// superviseHere makes sure of what this process needs before it supervises.
func (s *Host) superviseHere(ctx context.Context, over func() bool, configs ...Config) ([]Result, error) {
	if err := Probe(); err != nil {
		return nil, err
	}
	makeThreads()
	return s.supervise(ctx, over, configs...)
}

// supervise has the loop turn on this thread until it is over.
func (s *Host) supervise(ctx context.Context, over func() bool, configs ...Config) (results []Result, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(s.mail.over)
	if err := s.build(configs...); err != nil {
		return nil, err
	}
	s.mail.open(s.spawner.wake)
	defer context.AfterFunc(ctx, func() { s.mail.post(s.stop) })()
	err = s.run(over)
	s.mail.shut()
	for _, u := range s.units {
		results = append(results, s.result(u))
	}
	return results, errors.Join(err, s.close())
}

// run starts the services, and turns the loop until it is over.
func (s *Host) run(over func() bool) (err error) {
	for _, u := range s.units {
		s.begin(u)
	}
	s.settle()
	for err == nil && !over() {
		err = s.turn()
	}
	return err
}
