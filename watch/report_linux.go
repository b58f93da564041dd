package watch

import (
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// quotePatience is how long what the program had to say is waited for.
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
			s.quoted(u, <-u.output.quotes)
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
// program's last lines.
func (s *Supervisor) explain(u *unit, r Report) {
	switch {
	case u.config.Report == nil || u.failure != nil:
	case r.Status != 0 && s.quote(u):
		u.failure = &r
	default:
		u.report(r)
	}
}

// heedWords keeps what a program has said last before it failed, and while it
// was restarted: that is mostly why.
func (s *Supervisor) heedWords(u *unit, what service.What) {
	switch {
	case what == service.NoteCrashed, what == service.NoteFailed, what == service.NoteRunning && u.machine.Run() > 1:
		u.said = nil
		s.quote(u)
	}
}

// quote asks the room of the output for the program's last lines since it was
// started; it tells whether they will come.
func (s *Supervisor) quote(u *unit) bool {
	if !u.quoting && u.output != nil && u.output.quote(u.begun) {
		u.quoting = true
		s.check(s.timers.Set(deadline{unit: u, quote: true}, s.now().Add(quotePatience)))
	}
	return u.quoting
}

// quoted is called when the lines have come or the time is over.
func (s *Supervisor) quoted(u *unit, lines []string) {
	if !u.quoting {
		return
	}
	s.check(s.timers.Clear(deadline{unit: u, quote: true}))
	u.quoting, u.said = false, lines
	u.recorder.stale, u.recorder.urgent = true, true
	if r := u.failure; r != nil {
		u.failure, r.Output = nil, lines
		u.report(*r)
	}
}
