package watch

import (
	"time"

	"respawner/timer"
)

// modelTimers are a timer.Timer on the model's clock.
type modelTimers struct {
	m      *model
	queue  timer.Queue[deadline]
	number int
}

func (m *model) newTimers() (timers, error) {
	m.timers = &modelTimers{m: m}
	m.timers.number = m.open(m.timers)
	return m.timers, nil
}

func (t *modelTimers) FD() int { return t.number }

func (t *modelTimers) poll() uint32 {
	at, ok := t.queue.Next()
	return pollIn(ok && !at.After(t.m.now()))
}

func (t *modelTimers) Set(key deadline, at time.Time) error {
	t.queue.Set(key, at)
	return nil
}

func (t *modelTimers) Clear(key deadline) error {
	t.queue.Clear(key)
	return nil
}

func (t *modelTimers) Expired(now time.Time, due func(deadline)) error {
	for range t.queue.Len() {
		if key, ok := t.queue.Pop(now); ok {
			due(key)
		}
	}
	return nil
}

func (t *modelTimers) Close() error {
	t.m.drop(t.number)
	return nil
}
