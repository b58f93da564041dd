package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// quiet is the second chapter: what a supervisor does itself while its service is quiet and the machine is not.
func (b *bench) quiet(ctx context.Context) (string, error) {
	t := table{{"follower", "CPU time", "budget", "context switches", "budget", "forks meanwhile"}}
	s, err := b.startStorm(true)
	if err != nil {
		return "", err
	}
	for _, f := range b.followers {
		if f.missing != "" {
			t.addMissing(f.name, f.missing)
			continue
		}
		spent, err := b.effortIn(ctx, s, f.name)
		if err != nil {
			return "", errors.Join(err, s.end())
		}
		cpuBudget, switchBudget := "", ""
		if f.name == "kernel-set" || f.name == "socket-filter" {
			cpuBudget, switchBudget = "0.01 s", "0"
		}
		t.add(f.name, fmt.Sprintf("%.4f s", spent.cpu.Seconds()), cpuBudget,
			fmt.Sprint(spent.switches), switchBudget, fmt.Sprint(spent.forks))
	}
	return fmt.Sprintf(quietText, t, b.storm), s.end()
}

const quietText = `## What a supervisor does while its service is quiet

%s
Measured in %v of the same storm of fork and exec on all cores, with one lighttpd that has no clients. The
CPU time is that of all threads, from the process's own CPU clock; the context switches are those of
/proc/PID/task/*/status, voluntary or not.
`

// expense is what a follower did in a storm, and how many processes the storm made.
type expense struct {
	cpu      time.Duration
	switches int
	forks    uint64
}

func (b *bench) effortIn(ctx context.Context, s *storm, name string) (spent expense, err error) {
	follower, err := b.start(ctx, name)
	if err != nil {
		return spent, err
	}
	defer func() { err = errors.Join(err, follower.stop()) }()
	if err := sleep(ctx, time.Second); err != nil { // what comes of the start is over
		return spent, err
	}
	err = s.blow(ctx, func() error {
		before, err1 := effortOf(follower.pid)
		forks := s.count()
		err2 := sleep(ctx, b.storm)
		after, err3 := effortOf(follower.pid)
		spent.cpu, spent.switches = after.since(before)
		spent.forks = s.count() - forks
		return errors.Join(err1, err2, err3)
	})
	return spent, err
}
