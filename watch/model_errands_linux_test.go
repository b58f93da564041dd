package watch

import "time"

// modelCarrier is the carrier of the model: an errand is run when chance has it,
// and now and then the disk hangs for a while.
type modelCarrier struct {
	m      *model
	number int
	hangs  bool
	jobs   []*errand
	back   []*errand
}

func (m *model) newCarrier() (carrier, error) {
	m.carrier = &modelCarrier{m: m}
	m.carrier.number = m.open(m.carrier)
	return m.carrier, nil
}

func (c *modelCarrier) FD() int { return c.number }

func (c *modelCarrier) readable() bool { return len(c.back) > 0 }

func (c *modelCarrier) carry(e *errand) {
	c.m.enter("carry")
	c.hangs = c.hangs || c.m.life.chaos && c.m.one(50)
	c.jobs = append(c.jobs, e)
}

// ready are the errands that can be run.
func (c *modelCarrier) ready() []*errand {
	if c == nil || c.hangs && c.m.life.chaos && !c.m.one(300) {
		return nil
	}
	c.hangs = false
	return c.jobs
}

// goOn runs one of those that were handed over.
func (c *modelCarrier) goOn(i int) {
	e := c.jobs[i]
	c.jobs = append(c.jobs[:i:i], c.jobs[i+1:]...)
	e.tell = e.do()
	c.back = append(c.back, e)
}

func (c *modelCarrier) take() (*errand, bool) {
	if len(c.back) == 0 {
		return nil, false
	}
	e := c.back[0]
	c.back = c.back[1:]
	return e, true
}

func (c *modelCarrier) await(time.Duration) bool {
	for len(c.jobs) > 0 {
		c.goOn(0)
	}
	return c.readable()
}

func (c *modelCarrier) close() error {
	delete(c.m.files, c.number)
	return nil
}
