package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"sync"
	"time"

	"respawner/watch/control"
)

// stream prints events from now on, until it is interrupted or its reader has
// gone. It waits for services to start, and goes on when services end.
func stream(o options, tell func(named) error) error {
	for _, word := range o.Names {
		if _, err := path.Match(word, ""); err != nil {
			return usagef("bad pattern %q: %v", word, err)
		}
	}
	ctx, cancel := interruptible()
	defer cancel()
	go func() {
		awaitHangup(os.Stdout)
		cancel()
	}()
	s := &eventStream{words: o.Names, ctx: ctx, cancel: cancel, tell: tell, begun: time.Now(), followed: map[string]hold{}, last: map[string]control.Event{}}
	var err error
	if s.dir, err = control.AwaitDir(ctx, o.RuntimeDir); err == nil {
		defer s.dir.Close()
		err = s.dir.Watch(ctx, s.look)
	}
	interrupted := ctx.Err() != nil
	cancel()
	s.all.Wait()
	switch {
	case s.err != nil:
		return s.err
	case interrupted:
		if code := interruptCode(ctx, 0); code != 0 {
			return exitError{code: code}
		}
		return nil // its reader has gone
	}
	return advise(err)
}

// eventStream follows the services that were named, as they come and go.
type eventStream struct {
	words  []string
	dir    *control.Dir
	ctx    context.Context
	cancel context.CancelFunc
	begun  time.Time
	all    sync.WaitGroup

	mu       sync.Mutex // of all below
	tell     func(named) error
	err      error // of tell, when the reader has gone
	followed map[string]hold
	last     map[string]control.Event // the last event that was told of a service
}

// hold is whether a service is followed: no, yes, or refused by its present
// supervisor.
type hold int

const (
	free hold = iota
	taken
	refused
)

// look follows the services that have a supervisor and are not followed yet.
func (s *eventStream) look() error {
	names, err := s.dir.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if s.isNamed(name) && s.claim(name) {
			s.all.Go(func() { s.follow(name) })
		}
	}
	return nil
}

func (s *eventStream) isNamed(name string) bool {
	for _, word := range s.words {
		if matches, _ := path.Match(word, name); word == name || matches && nameFault(name) == "" {
			return true
		}
	}
	return false
}

// claim reports whether the caller is to follow a service: it has a supervisor,
// and is not followed yet.
func (s *eventStream) claim(name string) bool {
	presence, _, err := s.dir.Presence(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && presence != control.Held && s.followed[name] == refused {
		delete(s.followed, name)
	}
	if err != nil || presence != control.Held || s.followed[name] != free || s.ctx.Err() != nil {
		return false
	}
	s.followed[name] = taken
	return true
}

// follow follows one supervisor after the other of a service.
func (s *eventStream) follow(name string) {
	for again := true; again; {
		err := s.hear(name)
		if err != nil && s.ctx.Err() == nil {
			complain(err)
		}
		s.mu.Lock()
		s.followed[name] = free
		if err != nil && !errors.Is(err, errHungUp) {
			s.followed[name] = refused
		}
		s.mu.Unlock()
		again = s.claim(name) // another supervisor may have come before this claim was released
	}
}

// errHungUp is the end of a supervisor's events without that of the service.
var errHungUp = errors.New("the supervisor has hung up: it was killed, or its events were not read fast enough")

// hear tells of a service's events until its supervisor ends.
func (s *eventStream) hear(name string) error {
	over := false
	presence, err := s.dir.Events(s.ctx, name, func(*control.Status) error { return s.catchUp(name) }, func(ev control.Event) error {
		over = ev.What == "stopped" || ev.What == "failed"
		return s.pass(name, ev)
	})
	switch {
	case err != nil:
		return explain(name, result{presence: presence, err: err})
	case presence == control.Held && !over && s.ctx.Err() == nil:
		return fmt.Errorf("%s: %w", name, errHungUp)
	}
	return nil
}

// catchUp tells what was written down since the stream began: a supervisor that
// has come has done something before it is heard.
func (s *eventStream) catchUp(name string) error {
	events, err := s.dir.History(name)
	if err != nil {
		return err
	}
	s.mu.Lock()
	if n := len(events); n > 0 && events[n-1].Seq < s.last[name].Seq { // it counts anew
		delete(s.last, name)
	}
	s.mu.Unlock()
	for _, ev := range events {
		if !ev.Time.Before(s.begun) {
			if err := s.pass(name, ev); err != nil {
				return err
			}
		}
	}
	return nil
}

// pass tells of an event, unless that was done.
func (s *eventStream) pass(name string, ev control.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.last[name]; ev.Seq <= last.Seq && !ev.Time.After(last.Time) {
		return nil
	}
	s.last[name] = ev
	if err := s.tell(named{name, ev}); err != nil {
		s.err = err
		s.cancel()
	}
	return s.err
}
