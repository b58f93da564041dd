package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"respawner/watch/control"
)

// talking is the last chapter: how soon a supervisor answers, alone, in a crowd, and around its own replacement.
func (b *bench) talking(ctx context.Context) (_ string, err error) {
	ways := present(b.choose(ladder...))
	if len(ways) == 0 {
		return "## Talking to a supervisor\n\nCould not be measured here: none starts.\n", nil
	}
	s, err := b.superviseService(ways[0])
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	dir, err := control.OpenDir(s.dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = dir.Close() }()
	alone, err := b.statusTable(ctx, s)
	if err != nil {
		return "", err
	}
	asked, loop, err := b.crowdTables(dir, s.pid)
	if err != nil {
		return "", err
	}
	gaps, err := b.gapTable(ctx, s, dir)
	return fmt.Sprintf(talkingText, ways[0], alone, b.statuses, asked, clients, loop, gaps), err
}

const talkingText = `## Talking to a supervisor

A service in the foreground that does nothing, tracking %s. A command that asks:

%s
The time of the whole command, its output to /dev/null, from before the fork to its end. The three were run in turn, %d times
each; a ratio is that of runs in the same round. The empty program in C has no C library; that in Go is only "func main() {}",
so it is the floor for a command in Go.

Many clients at once:

%s
All come from %d clients, each of which connects, asks for the status, reads the answer and closes, again and again. What the
supervisor's loop did meanwhile:

%s
A turn is from epoll_wait's return to its next entry: nothing else is served in between. It is measured by eBPF at the entry and
the exit of system calls, which makes it a little longer. Where that can't be had, the time of an answer is its bound.

While the supervisor is replaced:

%s
One client asks for the status all the time; the gap is the longest time between two answers. Only an answer of a living supervisor
counts. An upgrade is respawner upgrade, to the same binary. After kill -9 respawner start is run at once; the gap has the
death, the command, and the new supervisor's start in it. The service is the same process before and after.
`

// statusTable compares respawner status with programs that do nothing.
func (b *bench) statusTable(ctx context.Context, s *supervisor) (table, error) {
	commands := []struct {
		name string
		argv []string
		took []float64
	}{
		{name: "nothing, in C", argv: []string{b.helper("nothing")}},
		{name: "nothing, in Go", argv: []string{b.helper("empty")}},
		{name: "respawner status NAME", argv: []string{s.program, "--runtime-dir", s.dir, "status", service}},
	}
	for range b.statuses {
		for i := range commands {
			took, err := runtimeOf(ctx, commands[i].argv)
			if err != nil {
				return nil, err
			}
			commands[i].took = append(commands[i].took, took)
		}
	}
	t := table{{"command", "time (median)", "p99", "of that in C (median)", "of that in Go (median)"}}
	for _, c := range commands {
		t.add(c.name, inMilliseconds(median(c.took)), inMilliseconds(quantile(c.took, 0.99)),
			fmt.Sprintf("%.2f", median(ratios(c.took, commands[0].took))),
			fmt.Sprintf("%.2f", median(ratios(c.took, commands[1].took))))
	}
	return t, nil
}

// runtimeOf runs a command and tells how long that took, in milliseconds.
func runtimeOf(ctx context.Context, argv []string) (float64, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	c := command(argv[0], argv[1:]...)
	begin := time.Now()
	if err := c.Run(); err != nil {
		return 0, fmt.Errorf("%v: %w", argv, err)
	}
	return milliseconds(time.Since(begin)), nil
}

// clients are fewer than a supervisor serves at once.
const clients = 50

// crowdTables have many clients ask at once, and look at the supervisor's loop meanwhile.
func (b *bench) crowdTables(dir *control.Dir, pid int) (asked, loop table, err error) {
	asked = table{{"questions", "lost", "budget", "answered in (median)", "p99"}}
	loop = table{{"turns of the loop", "turn (median)", "p99", "budget", "longest"}}
	meter, missing := meterTurns(pid)
	if missing == nil {
		defer func() { err = errors.Join(err, meter.close()) }()
	}
	answers := askAll(dir, b.questions)
	if len(answers) == 0 {
		return nil, nil, errUnanswered
	}
	asked.add(fmt.Sprint(b.questions), fmt.Sprint(b.questions-len(answers)), "0",
		inMilliseconds(median(answers)), inMilliseconds(quantile(answers, 0.99)))
	if missing != nil {
		loop.addMissing("-", missing.Error())
		return asked, loop, nil
	}
	turns, err := meter.read()
	if err == nil && len(turns) == 0 {
		err = errors.New("the supervisor's loop has made no turn")
	}
	if err != nil {
		return nil, nil, err
	}
	loop.add(fmt.Sprint(len(turns)), inMilliseconds(median(turns)), inMilliseconds(quantile(turns, 0.99)), "10 ms",
		inMilliseconds(slices.Max(turns)))
	return asked, loop, nil
}

// askAll has the clients ask so many questions, and returns how long each answer took, in milliseconds. Those that
// were not answered are told of and left out.
func askAll(dir *control.Dir, questions int) (answers []float64) {
	var mu sync.Mutex
	var all sync.WaitGroup
	left := make(chan struct{}, questions)
	for range questions {
		left <- struct{}{}
	}
	close(left)
	for range clients {
		all.Go(func() {
			for range left {
				begin := time.Now()
				_, err := ask(dir)
				took := milliseconds(time.Since(begin))
				mu.Lock()
				if err != nil {
					fmt.Fprintln(os.Stderr, "bench: lost:", err)
				} else {
					answers = append(answers, took)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return answers
}

var errUnanswered = errors.New("no supervisor answers")

// ask asks a living supervisor for the status.
func ask(dir *control.Dir) (*control.Status, error) {
	now, presence, err := dir.Status(service)
	if err == nil && presence != control.Held {
		err = errUnanswered
	}
	return now, err
}
