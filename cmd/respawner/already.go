package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"respawner/watch"
	"respawner/watch/control"
	"respawner/watch/service"
)

// alreadyRuns reports on a service that has a supervisor. The error says in what the service differs from
// the one that was asked for. If the service is being ended, or is to be, alreadyRuns waits for its end and ending
// is true: a new one can be started then.
func (s *supervision) alreadyRuns() (ending bool, err error) {
	name := s.o.Name
	st, presence, err := startedUp(s.dir, name)
	if err != nil {
		return false, err
	}
	if presence == control.Held && !isEnding(st.State) && s.o.Then != watch.ThenStop {
		return false, s.asAsked(st)
	}
	if presence == control.Held {
		_, presence, err = s.dir.Stop(context.Background(), name, s.o.Halt)
	}
	if err == nil && presence != control.Stale && s.o.Then == watch.ThenStop {
		return false, s.nothingLeft()
	}
	return err == nil, err
}

// isEnding reports whether a service with a supervisor is being ended, or has ended.
func isEnding(state string) bool {
	return slices.Contains([]string{service.Stopping.String(), service.Stopped.String(), service.Failed.String()}, state)
}

// startedUp returns the status of a service when no start of it is under way any more.
func startedUp(dir *control.Dir, name string) (*control.Status, control.Presence, error) {
	for {
		st, presence, err := dir.Status(name)
		if err != nil || presence != control.Held || st.State != service.Starting.String() {
			return st, presence, err
		}
		if err := awaitStart(dir, name); err != nil {
			return st, presence, err
		}
	}
}

// errStarted ends the wait for the end of a start.
var errStarted = errors.New("the start is over")

// awaitStart waits until a start that is under way is over, or its supervisor has ended.
func awaitStart(dir *control.Dir, name string) error {
	_, err := dir.Events(context.Background(), name, func(st *control.Status) error {
		if st.State != service.Starting.String() {
			return errStarted
		}
		return nil
	}, func(ev control.Event) error {
		switch service.What(ev.What) {
		case service.NoteRunning, service.NoteCrashed, service.NoteRestarting, service.NoteStopping, service.NoteStopped, service.NoteFailed:
			return errStarted
		}
		return nil
	})
	if errors.Is(err, errStarted) {
		return nil
	}
	return err
}

// asAsked reports that a service runs as it was asked for. The error says why it does not.
func (s *supervision) asAsked(st *control.Status) error {
	if s.o.Then == watch.ThenRun {
		if st.State == service.Backoff.String() {
			return exitError{code: exitFailure, msg: waitsForStart(*st, time.Now())}
		}
		if err := s.sameDefinition(); err != nil {
			return err
		}
	}
	text := fmt.Sprintf("%s already runs, main pid %d", st.Name, st.MainPID)
	if st.MainPID == 0 {
		text = fmt.Sprintf("%s is already supervised, state %s", st.Name, st.State)
	}
	s.tell(report{Text: text, Already: true, Ended: true})
	return nil
}

// waitsForStart returns why a service in backoff does not run, and when it is started again.
func waitsForStart(st control.Status, now time.Time) string {
	when := "soon"
	if st.NextStart != nil {
		when = "in " + describeWait(st.NextStart.Sub(now))
	}
	why := strings.TrimPrefix(st.Message, st.Name+": ")
	return fmt.Sprintf("%s has crashed (%s) and is started again %s: respawner reset %s starts it at once", st.Name, why, when, st.Name)
}

// sameDefinition returns nil where the service runs with the command and options of
// this start.
func (s *supervision) sameDefinition() error {
	has, err := s.dir.Definition(s.o.Name)
	if err != nil {
		return fmt.Errorf("%s already runs, but whether it runs with this command can't be told: %w", s.o.Name, err)
	}
	if differs := differences(has, s.o.definition(s.path)); len(differs) > 0 {
		return exitError{code: exitFailure, msg: fmt.Sprintf("%s already runs, but with %s: "+
			"respawner restart %s starts it again as it is, respawner start --replace ends it and starts this one",
			s.o.Name, listed(differs), s.o.Name)}
	}
	return nil
}

// sameCommand returns nil unless the processes that a dead supervisor has left run another command than
// this start. Options take effect with the takeover.
func (s *supervision) sameCommand() error {
	state, err := s.dir.State(s.o.Name)
	if err != nil {
		return nil // goOn reports that
	}
	left, err := watch.Left(state)
	if err != nil || len(left.PIDs) == 0 {
		return nil
	}
	has, err := s.dir.Definition(s.o.Name)
	if err != nil {
		return nil // there is no definition to compare with
	}
	if differs := commandDifferences(has, s.o.definition(s.path)); len(differs) > 0 {
		return exitError{code: exitFailure, msg: fmt.Sprintf("%s runs on without a supervisor, with %s: "+
			"respawner adopt %s takes it over as it is, respawner start --replace ends it and starts this one",
			s.o.Name, listed(differs), s.o.Name)}
	}
	return nil
}

func listed(all []difference) string {
	var words []string
	for _, d := range all {
		words = append(words, d.String())
	}
	return strings.Join(words, ", ")
}
