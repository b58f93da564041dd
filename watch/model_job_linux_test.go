package watch

import "time"

// job is something that another thread of the supervisor does, while the loop
// goes on. What comes of it is for the thread to bring back.
type job interface {
	// ready reports whether there is a next step, which goOn does.
	ready() bool
	goOn()
	// outlives reports whether it is brought to its end when the supervisor is killed.
	outlives() bool
	// due is until when it takes its time, 0 for none.
	due() time.Duration
}

// send has another thread do something.
func (m *model) send(e job) { m.jobs = append(m.jobs, e) }

// back is for an job that is done.
func (m *model) back(e job) {
	for i := range m.jobs {
		if m.jobs[i] == e {
			m.jobs = append(m.jobs[:i], m.jobs[i+1:]...)
			return
		}
	}
}

// isDue reports whether an job's time is over. In calm, and when the loop is gone,
// nothing takes long.
func (m *model) isDue(at time.Duration) bool {
	return at <= m.time || !m.life.chaos || m.self == nil
}

// nextDue is when the first of those is due that take their time.
func (m *model) nextDue() (at time.Duration, any bool) {
	for _, e := range m.jobs {
		if d := e.due(); !m.isDue(d) && (!any || d < at) {
			at, any = d, true
		}
	}
	return at, any
}
