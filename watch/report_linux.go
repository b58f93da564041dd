package watch

import (
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// quotePatience is how long what the program had to say is waited for.
const quotePatience = 2 * time.Second

func (u *unit) makeOutput(s *Host) func() error {
	return func() (err error) {
		if u.config.Output.Pipe == nil {
			return nil
		}
		if u.output, err = newOutput(u.config.Output, u.log); err != nil {
			return err
		}
		u.output.slot, err = s.loop.add(rankWake, u.output.wake.fd, unix.EPOLLIN, func(uint32) {
			u.output.wake.clear()
			s.quoted(u, <-u.output.quotes)
		})
		return err
	}
}

// reopen opens log files anew, after they were moved.
func (u *unit) reopen() {
	u.log.Info(u.name + ": log files are opened anew")
	if u.output != nil && !u.output.reopen() {
		u.log.Warn("the program's output can't be opened anew: what it is written to takes no more")
	}
	if u.config.Reopen != nil {
		u.config.Reopen()
	}
}

// report tells the first outcome of a start, as soon as that is written down: if the supervisor is killed
// then, the next one knows it.
func (u *unit) report(r Report) {
	if u.config.Report != nil && u.due == nil {
		u.due = &r
		u.recorder.stale, u.recorder.urgent = true, true
	}
}

// reportDue is called when that is written down, or can't be.
func (u *unit) reportDue() {
	if u.due == nil {
		return
	}
	tell, r := u.config.Report, *u.due
	u.config.Report, u.due = nil, nil
	tell(r)
}

// explain reports the outcome of a start that did not come up, with the
// program's last lines.
func (s *Host) explain(u *unit, r Report) {
	switch {
	case u.config.Report == nil || u.failure != nil:
	case r.Status != 0 && s.quote(u):
		u.failure = &r
	default:
		u.report(r)
	}
}

// heedWords keeps what a program has said last before it failed: that is mostly why. One that
// was killed may have said nothing; then it is what is said while it is started again. The words
// belong to the last exit, and go with it.
func (s *Host) heedWords(u *unit, n service.Note) {
	switch {
	case n.What == service.NoteCrashed, n.What == service.NoteFailed, n.What == service.NoteRunning && u.mute:
		u.said = nil
		s.quote(u)
	case n.What == service.NoteExited && n.PID == u.machine.LastExit().PID:
		u.said, u.mute = nil, false
	}
}

// wellTime is how long a service has to run until what its program said before the last crash
// is of no interest any more.
const wellTime = 10 * time.Minute

func (u *unit) wordsNow(snap service.Snapshot, now time.Time) []string {
	if snap.State == service.Running && now.Sub(snap.Since) >= wellTime {
		return nil
	}
	return u.said
}

// quote asks the room of the output for the program's last lines since it was
// started; it reports whether they will come.
func (s *Host) quote(u *unit) bool {
	if !u.quoting && u.output != nil && u.output.quote(u.begun) {
		u.quoting = true
		s.check(s.timers.Set(deadline{unit: u, quote: true}, s.now().Add(quotePatience)))
	}
	return u.quoting
}

// quoted is called when the lines have come or the time is over.
func (s *Host) quoted(u *unit, lines []string) {
	if !u.quoting {
		return
	}
	s.check(s.timers.Clear(deadline{unit: u, quote: true}))
	u.quoting, u.said, u.mute = false, lines, len(lines) == 0
	u.recorder.stale, u.recorder.urgent = true, true
	if r := u.failure; r != nil {
		u.failure, r.Output = nil, lines
		u.report(*r)
	}
}
