package main

import (
	"context"
	"errors"
	"fmt"
)

// bare is a machine without a follower; beside the others it shows how far the measurement can be trusted.
const bare = "(none)"

// throughput is the first chapter: what it costs the machine that a service is followed.
func (b *bench) throughput(ctx context.Context) (string, error) {
	all, best := b.choose("kernel-set", "socket-filter", "events", "scan", forkstat), b.choose("kernel-set")
	execs, rate, err := b.pairs(ctx, true, all)
	if err != nil {
		return "", err
	}
	forks, forkRate, err := b.pairs(ctx, false, best)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(throughputText, ratioTable(all, execs, ratioBudget), ratioTable(best, forks, nil),
		b.slice, b.turns, rate, forkRate), nil
}

const throughputText = `## What following costs the machine

Of all the processes that the machine can make without a follower (1.000), so many are left while one quiet lighttpd
is followed. Fork and exec:

%s
Fork alone:

%s
As many loops as there are cores do nothing but vfork, exec of a program that ends at once, and wait. All followers run, each
with a lighttpd of its own (forkstat with none, its output to /dev/null), but they are stopped, and their sockets are
taken out of the multicast group of the process events. For slices of %v one is put back, and the ratio is that to the mean of the
slices before and after, in which none is. There are %d of each, in turn, so that what drifts hits all alike. The row of
"(none)" is a slice like those before and after it: the error. So is that of scan, which has no socket.

A slice without a follower made %.0f processes a second (median), and %.0f without exec. The kernel never forgets that a process once
listened, which costs each fork some nanoseconds for the rest of the machine's uptime: all slices have that alike.
`

// pairs measures slices of a storm, one with each follower, or with none, and one without in turn. It returns the ratios of
// each, and the median rate of the bare slices.
func (b *bench) pairs(ctx context.Context, exec bool, all []follower) (_ map[string][]float64, _ float64, err error) {
	var subjects []subject
	plugs := map[string]plug{bare: {fd: -1}}
	defer func() {
		for _, p := range plugs {
			err = errors.Join(err, p.close())
		}
		for _, s := range subjects {
			err = errors.Join(err, s.stop())
		}
	}()
	for _, name := range present(all) {
		subject, err := b.start(ctx, name)
		if err != nil {
			return nil, 0, err
		}
		subjects = append(subjects, subject)
		if plugs[name], err = plugOf(subject.pid); err != nil {
			return nil, 0, fmt.Errorf("%s: %w", name, err)
		}
	}
	s, err := b.startStorm(exec)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, s.end()) }()
	var found map[string][]float64
	var rate float64
	err = s.blow(ctx, func() (err error) {
		found, rate, err = b.rounds(ctx, s, plugs)
		return err
	})
	return found, rate, err
}

// rounds measures all plugs in turn, often.
func (b *bench) rounds(ctx context.Context, s *storm, plugs map[string]plug) (map[string][]float64, float64, error) {
	before, err := s.rate(ctx, b.slice)
	found, rates := map[string][]float64{}, []float64{before}
	for range b.turns {
		for name, p := range plugs {
			if err != nil {
				return nil, 0, err
			}
			var followed, after float64
			followed, after, err = b.pair(ctx, s, p)
			found[name] = append(found[name], 2*followed/(before+after))
			rates, before = append(rates, after), after
		}
	}
	return found, median(rates), err
}

// pair measures a slice with a plug in and one with it out.
func (b *bench) pair(ctx context.Context, s *storm, p plug) (followed, after float64, err error) {
	if err := p.in(); err != nil {
		return 0, 0, err
	}
	followed, err = s.rate(ctx, b.slice)
	if err = errors.Join(err, p.out()); err != nil {
		return 0, 0, err
	}
	after, err = s.rate(ctx, b.slice)
	return followed, after, err
}

func ratioTable(all []follower, ratios map[string][]float64, budget map[string]string) table {
	t := table{{"followed by", "of bare (median)", "quartiles", "budget"}}
	for _, f := range append([]follower{{name: bare}}, all...) {
		if f.missing != "" {
			t.addMissing(f.name, f.missing)
			continue
		}
		found := ratios[f.name]
		t.add(f.name, fmt.Sprintf("%.3f", median(found)), quartiles(found, "%.3f"), budget[f.name])
	}
	return t
}

// ratioBudget is what must be left of the bare machine, with fork and exec.
var ratioBudget = map[string]string{"kernel-set": "0.97", "socket-filter": "0.97"}
