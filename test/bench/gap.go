package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"respawner/watch/control"
)

// gapTable replaces a supervisor often, in two ways, and reports for how long no supervisor answered.
func (b *bench) gapTable(ctx context.Context, s *supervisor, dir *control.Dir) (table, error) {
	t := table{{"replaced by", "times", "gap (median)", "quartiles", "longest"}}
	for _, way := range []struct {
		name    string
		times   int
		replace func() error
	}{
		{"upgrade", b.upgrades, s.upgrade},
		{"kill -9, then start", b.takeovers, s.killAndStart},
	} {
		var gaps []float64
		for range way.times {
			if err := sleep(ctx, settle); err != nil {
				return nil, err
			}
			took, err := gap(ctx, dir, way.replace)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
			gaps = append(gaps, milliseconds(took))
		}
		t.add(way.name, fmt.Sprint(way.times), inMilliseconds(median(gaps)), quartiles(gaps, "%.1f")+" ms",
			inMilliseconds(slices.Max(gaps)))
	}
	return t, nil
}

func (s *supervisor) upgrade() error {
	_, err := s.respawner("upgrade", service)
	return err
}

// killAndStart is what a user does, or a watchdog, when the supervisor has died.
func (s *supervisor) killAndStart() error {
	now, err := s.status()
	if err != nil {
		return err
	}
	if err := killAndWait(now.SupervisorPID); err != nil {
		return err
	}
	return s.start()
}

// gap measures how long a supervisor does not answer while it is being replaced. The service must live through that.
func gap(ctx context.Context, dir *control.Dir, replace func() error) (time.Duration, error) {
	before, err := ask(dir)
	if err != nil {
		return 0, err
	}
	answers, err := answersDuring(ctx, dir, replace)
	if err != nil {
		return 0, err
	}
	after, err := ask(dir)
	if err == nil && after.MainPID != before.MainPID {
		err = fmt.Errorf("the service was process %d and is %d", before.MainPID, after.MainPID)
	}
	return longest(answers), err
}

// answersDuring asks all the time while something happens, and returns when each answer came: one is from before, one from
// after it.
func answersDuring(ctx context.Context, dir *control.Dir, something func() error) ([]time.Time, error) {
	answers := []time.Time{time.Now()} // the caller has asked
	done := make(chan error, 1)
	go func() { done <- something() }()
	for {
		var over bool
		var failed error
		select {
		case failed = <-done:
			over = true
		default:
		}
		_, err := ask(dir)
		if err == nil {
			answers = append(answers, time.Now())
		}
		if over {
			return answers, errors.Join(failed, err)
		}
		if err != nil { // which may be the gap: the last answer will tell
			_ = sleep(ctx, breath)
		}
	}
}

// breath is how long a client that was not answered waits before it asks again, not to be in the way.
const breath = 100 * time.Microsecond

// longest is the longest time between two moments that follow each other.
func longest(moments []time.Time) (most time.Duration) {
	for i, at := range moments[1:] {
		most = max(most, at.Sub(moments[i]))
	}
	return most
}
