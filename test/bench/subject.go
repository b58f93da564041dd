package main

import (
	"context"
	"errors"
	"slices"
	"time"
)

// ladder is respawner's ways to follow a service, the best first, as --tracking names them.
var ladder = []string{"kernel-set", "socket-filter", "events", "scan", "pidfile"}

const forkstat = "forkstat"

// follower is what may follow the processes: respawner in one of its ways, or forkstat.
type follower struct {
	name    string
	missing string // why it can't be measured here
}

// subject is a follower that runs.
type subject struct {
	pid  int
	stop func() error
}

// tryFollowers starts each follower once, to learn whether it can be had here.
func (b *bench) tryFollowers(ctx context.Context) error {
	for _, name := range append(ladder, forkstat) {
		f := follower{name: name}
		s, err := b.start(ctx, name)
		if err != nil {
			f.missing = err.Error()
		} else if err := s.stop(); err != nil {
			return err
		}
		b.followers = append(b.followers, f)
	}
	return ctx.Err()
}

// choose returns the followers of these names.
func (b *bench) choose(names ...string) (chosen []follower) {
	for _, f := range b.followers {
		if slices.Contains(names, f.name) {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// present are the names of those that can be measured here.
func present(all []follower) (names []string) {
	for _, f := range all {
		if f.missing == "" {
			names = append(names, f.name)
		}
	}
	return names
}

// start starts a follower; respawner with a lighttpd.
func (b *bench) start(ctx context.Context, name string) (subject, error) {
	if name == forkstat {
		return b.startForkstat(ctx)
	}
	s, err := b.superviseLighttpd(name)
	if err != nil {
		return subject{}, err
	}
	return subject{s.pid, s.stop}, nil
}

func (t *tools) startForkstat(ctx context.Context) (subject, error) {
	if t.forkstat == "" {
		return subject{}, errors.New("not installed")
	}
	c, err := startChild(t.forkstat)
	if err != nil {
		return subject{}, err
	}
	if err := sleep(ctx, 200*time.Millisecond); err != nil { // until it listens
		return subject{}, errors.Join(err, c.end())
	}
	return subject{c.Process.Pid, c.end}, nil
}

// sleep waits for d: it ends early when we are interrupted.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
