package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"respawner/watch/control"
)

// progress is a line on the terminal that tells what a stop still waits for.
// It appears when that takes longer than a second, and is gone at the end.
type progress struct {
	begun time.Time
	done  chan struct{}

	mu    sync.Mutex
	left  map[string]*control.Status // nil: no terminal, and no line
	shown bool
}

// newProgress is a line that shows nothing but on a terminal.
func newProgress() *progress {
	p := &progress{begun: time.Now(), done: make(chan struct{})}
	if isTerminal(os.Stdout) && isTerminal(os.Stderr) {
		p.left = map[string]*control.Status{}
		go p.tick()
	}
	return p
}

// tick draws the line as its seconds pass.
func (p *progress) tick() {
	clock := time.NewTicker(time.Second)
	defer clock.Stop()
	for {
		select {
		case <-clock.C:
			p.draw()
		case <-p.done:
			return
		}
	}
}

// progressDelay is how long a stop takes before anything is said of it.
const progressDelay = time.Second

// watch keeps an eye on a service, woken by its events, until the function that
// it returns is called. An error is not shown: the stop goes on all the same.
func (p *progress) watch(ctx context.Context, dir *control.Dir, name string) (forget func()) {
	ctx, cancel := context.WithCancel(ctx)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		select {
		case <-time.After(progressDelay):
			p.follow(ctx, dir, name)
		case <-ctx.Done():
		}
	}()
	return func() {
		cancel()
		<-gone
		p.mu.Lock()
		delete(p.left, name)
		p.mu.Unlock()
		p.erase()
	}
}

func (p *progress) follow(ctx context.Context, dir *control.Dir, name string) {
	_, _ = dir.Events(ctx, name, func(s *control.Status) error {
		p.tellStuck(name, s.Stuck)
		p.set(name, s)
		return nil
	}, func(ev control.Event) error {
		if ev.What == "stuck" {
			p.tellStuck(name, ev.Text)
		}
		if p.left == nil || ev.What != "exited" && ev.What != "stopping" && ev.What != "killing" {
			return nil
		}
		s, _, err := dir.Status(name)
		if err == nil {
			p.set(name, s)
		}
		return err
	})
}

// tellStuck prints what keeps processes from ending, on a terminal or not: it may
// take for ever.
func (p *progress) tellStuck(name, why string) {
	if why == "" {
		return
	}
	p.erase()
	complain(fmt.Errorf("%s is still being stopped: %s", name, why))
}

func (p *progress) set(name string, s *control.Status) {
	if p.left == nil {
		return
	}
	p.mu.Lock()
	p.left[name] = s
	p.mu.Unlock()
	p.draw()
}

// draw writes the line anew.
func (p *progress) draw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if len(p.left) == 0 || now.Sub(p.begun) < progressDelay {
		return
	}
	p.shown = true
	fmt.Fprint(os.Stderr, "\r\x1b[K", cut(progressLine(p.left, now, p.begun), 79))
}

// erase makes room for another line.
func (p *progress) erase() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	p.shown = false
}

// end is the end of the line.
func (p *progress) end() {
	close(p.done)
	p.erase()
}

// progressLine returns the services that are waited for, how many of their processes are left, and when
// those are killed.
func progressLine(left map[string]*control.Status, now, begun time.Time) string {
	processes := 0
	var killAt time.Time
	for _, s := range left {
		processes += len(s.PIDs)
		if s.KillAt != nil && (killAt.IsZero() || s.KillAt.Before(killAt)) {
			killAt = *s.KillAt
		}
	}
	line := fmt.Sprintf("stopping %s: %s left (%s)",
		strings.Join(slices.Sorted(maps.Keys(left)), ", "), plural(processes, "process", "processes"), span(now.Sub(begun)))
	if wait := killAt.Sub(now); wait > 0 {
		line += fmt.Sprintf(", KILL in %s", span(wait))
	}
	return printable(line)
}

// plural returns a number and its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
