package watch

import (
	"slices"
	"time"
)

// modelCarrier is the carrier of the model: an errand is run when chance has it, while the world
// goes on, and comes back when chance has it. Now and then the disk hangs for a while, or the
// memory of a process.
type modelCarrier struct {
	m      *model
	number int
	done   []*errand
}

// carried is an errand under way.
type carried struct {
	c     *modelCarrier
	e     *errand
	until time.Duration // it hangs
	begun bool
	ended bool
}

func (m *model) newCarrier() (carrier, error) {
	c := &modelCarrier{m: m}
	c.number = m.open(c)
	m.carrier = c
	return c, nil
}

// newOOMReports returns none: memory never runs out there.
func (m *model) newOOMReports() (oomReports, error) { return nil, nil }

func (c *modelCarrier) FD() int { return c.number }

func (c *modelCarrier) poll() uint32 { return pollIn(len(c.done) > 0) }

func (c *modelCarrier) carry(e *errand) {
	m := c.m
	m.enter("carry")
	j := &carried{c: c, e: e}
	if m.life.chaos && m.one(50) {
		j.until = m.time + time.Duration(m.chance.IntN(5000))*time.Millisecond
	}
	m.send(j)
}

func (j *carried) ready() bool { return j.begun == j.ended && j.c.m.isDue(j.until) }

func (j *carried) goOn() {
	if !j.begun {
		j.begun = true
		j.e.tell = j.e.do()
		j.ended = true
		return
	}
	j.c.m.back(j)
	j.c.done = append(j.c.done, j.e)
}

func (j *carried) outlives() bool { return false }

func (j *carried) due() time.Duration { return j.until }

func (c *modelCarrier) take() (*errand, bool) {
	if len(c.done) == 0 {
		return nil, false
	}
	e := c.done[0]
	c.done = c.done[1:]
	return e, true
}

// await has all that is under way come to its end.
func (c *modelCarrier) await(time.Duration) bool {
	for _, j := range append([]job{}, c.m.jobs...) {
		for c, is := j.(*carried); is && slices.Contains(c.c.m.jobs, j); {
			c.goOn()
		}
	}
	return len(c.done) > 0
}

func (c *modelCarrier) close() error {
	c.m.drop(c.number)
	return nil
}
