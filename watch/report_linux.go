package watch

import (
	"time"

	"golang.org/x/sys/unix"
)

// quotePatience is how long the report of a failure waits for what the program
// had to say.
const quotePatience = 2 * time.Second

func (u *unit) makeOutput(s *Supervisor) func() error {
	return func() (err error) {
		if u.config.Output.Pipe == nil {
			return nil
		}
		if u.output, err = newOutput(u.config.Output, u.log); err != nil {
			return err
		}
		_, err = s.loop.add(rankWake, u.output.wake.fd, unix.EPOLLIN, func(uint32) {
			u.output.wake.clear()
			s.explained(u, <-u.output.quotes)
		})
		return err
	}
}

// reopen opens log files anew, after somebody has moved them.
func (u *unit) reopen() {
	u.log.Info(u.name + ": log files are opened anew")
	if u.output != nil && !u.output.reopen() {
		u.log.Warn("the program's output can't be opened anew: what it is written to takes no more")
	}
	if u.config.Reopen != nil {
		u.config.Reopen()
	}
}

// report tells the first outcome of a start.
func (u *unit) report(r Report) {
	if tell := u.config.Report; tell != nil {
		u.config.Report = nil
		tell(r)
	}
}

// explain reports the outcome of a start that did not come up, with the
// program's last lines; the room of its output is asked for them.
func (s *Supervisor) explain(u *unit, r Report) {
	switch {
	case u.config.Report == nil || u.failure != nil:
	case r.Status != 0 && u.output != nil && u.output.quote():
		u.failure = &r
		s.check(s.timers.Set(deadline{unit: u, quote: true}, time.Now().Add(quotePatience)))
	default:
		u.report(r)
	}
}

// explained goes on with that, when the lines have come or the time is over.
func (s *Supervisor) explained(u *unit, lines []string) {
	if u.failure == nil {
		return
	}
	s.check(s.timers.Clear(deadline{unit: u, quote: true}))
	r := *u.failure
	r.Output = lines
	u.failure = nil
	u.report(r)
}
