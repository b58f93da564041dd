package watch

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/service"
)

// subject is a service in a life, with what has happened to it by the model, and
// not by what the supervisor makes of it.
type subject struct {
	l      *life
	i      int // its place among the services
	config Config
	state  []byte // what was written down of it
	vain   int    // starts that have failed
	seen   seen
}

type seen struct {
	starts  int           // that the supervisor has asked for
	row     int           // of those, restarts since a client last asked for one
	excused bool          // another start is no surprise
	hurried bool          // nor is it that it comes too soon
	deaths  int           // of processes since the last start, or its failure
	first   time.Duration // when the first of them was
	normal  bool          // one of them was a success
	failed  bool          // the start itself has failed
	stopped bool          // there is to be no other start
	ending  bool          // a stop was asked for, if it was heard
	resumed bool          // by the next supervisor after one that was killed
	hungUp  bool          // a client has asked to send HUP
	over    bool          // it has ended, and this supervisor goes on with others
}

func (l *life) newSubject(i int, c *rand.Rand) *subject {
	s := &subject{l: l, i: i}
	s.config = Config{
		Spec: l.spec(i, c), Program: Program{Path: "/daemon", Args: []string{"/daemon"}}, Control: -1, State: s,
		Log: l.config.Log,
	}
	s.config.ID = "id-" + s.config.Spec.Name
	return s
}

func (s *subject) String() string { return s.config.Spec.Name }

func (s *subject) environ() string {
	return markID + "=" + s.config.ID + "\x00" + markName + "=" + s.config.Spec.Name + "\x00"
}

// WriteState is the file of what a later supervisor must know.
func (s *subject) WriteState(state []byte) error {
	if s.l.m.fails() {
		return unix.ENOSPC
	}
	s.state = state
	return nil
}

// What a client asks for.

func (s *subject) stop(h *heart) {
	s.stopAsked()
	h.stop(s.i)
}

func (s *subject) restart(h *heart) {
	s.seen.excused = s.seen.excused || s.isWanted()
	h.restart(s.i)
}

func (s *subject) reset(h *heart) {
	if s.isWanted() {
		s.seen.row, s.seen.hurried = 0, h.state(s.i) == service.Backoff // it is due at once
	}
	h.reset(s.i)
}

func (s *subject) hangUp(h *heart) {
	s.seen.hungUp = true
	h.hangUp(s.i)
}

func (s *subject) status(h *heart) { h.status(s.i) }

func (s *subject) stopAsked() { s.seen.stopped, s.seen.ending = true, true }

// termHeard is called when the supervisor hears of a TERM.
func (l *life) termHeard() {
	for _, s := range l.subjects {
		s.stopAsked()
	}
}

// isWanted reports whether the service is not being ended.
func (s *subject) isWanted() bool {
	state := s.l.heart.state(s.i)
	return state == service.Starting || state == service.Running || state == service.Backoff
}

// isBeingEnded reports whether its processes are.
func (s *subject) isBeingEnded() bool {
	state := s.l.heart.state(s.i)
	return state == service.Stopping || state == service.Backoff
}

// What must never be, in chaos either.

// starting is called when the supervisor asks for a start.
func (s *subject) starting() {
	l, e, spec := s.l, &s.seen, &s.config.Spec
	after := l.m.uptime() - e.first // a machine that is suspended between two binaries may count that
	switch {
	case e.over:
		l.violated("a start of %v after its end", s)
	case e.stopped:
		l.violated("a start of %v after a stop", s)
	case e.excused || e.starts == 0:
		e.row = 0
	case e.deaths == 0:
		l.violated("a restart of %v, though no process has died", s)
	case after < spec.RespawnDelay && !e.hurried:
		l.violated("a restart of %v %v after the first death; the delay is %v", s, after, spec.RespawnDelay)
	case !l.chaos && l.end.tried > 0 && l.m.time > l.end.tried+max(spec.RespawnDelay, s.patience())+slack:
		l.violated("a restart of %v %v after the crash", s, l.m.time-l.end.tried)
	default:
		e.row++
	}
	if e.row > spec.RespawnLimit && spec.RespawnLimit > 0 {
		l.violated("restart %d of %v, but %d are allowed", e.row, s, spec.RespawnLimit)
	}
	e.starts++
	e.deaths, e.excused, e.hurried, e.normal, e.failed = 0, false, false, false, false
}

// neverStarted is called when a supervisor was killed before it had forked what it had asked for. The next one goes on from
// what was written down before that.
func (s *subject) neverStarted(since seen) {
	e := &s.seen
	e.starts--
	e.deaths += since.deaths
	e.normal, e.failed = e.normal || since.normal, e.failed || since.failed
	if since.deaths > 0 {
		e.first = since.first
	}
}

// spawning is called when a program is about to be forked.
func (s *subject) spawning() {
	if left := s.l.m.living(s); len(left) > 0 {
		s.l.violated("a second instance of %v is started beside %v", s, left)
	}
}

// died is called for each death of a process of the service.
func (s *subject) died(status unix.WaitStatus) {
	e := &s.seen
	if e.deaths++; e.deaths == 1 {
		e.first = s.l.m.uptime()
	}
	e.normal = e.normal || status == 0
}

func (s *subject) spawnFailed() {
	s.died(127 << 8)
	s.seen.failed = true
	s.vain++
}

// signalled is called when a process of the service is sent a signal: it must be
// meant, and there must be a reason.
func (s *subject) signalled(t *task, pidfd int, sig unix.Signal) {
	e := &s.seen
	if by, unit, is := s.l.heart.known(t.pid); is && by == pidfd && unit != s.i {
		s.l.violated("%v is sent to %v, of %v, by mistake for one of service %d", sig, t, s, unit)
	}
	switch {
	case sig == unix.SIGHUP:
		if !e.hungUp {
			s.l.violated("HUP is sent to %v, that is of %v, and not asked for", t, s)
		}
	case e.deaths == 0 && !e.excused && !e.stopped && !e.ending:
		s.l.violated("%v is sent to %v, though nothing has happened to %v", sig, t, s)
	case !s.isBeingEnded():
		s.l.violated("%v is sent to %v, though %v is %v", sig, t, s, s.l.heart.state(s.i))
	case sig == unix.SIGKILL:
		s.checkKill()
	}
}

// checkOutcome is called when the service may have ended.
func (s *subject) checkOutcome() {
	if done := s.l.heart.outcome(s.i); done != nil && !s.seen.over {
		s.ended(done)
	}
}

// ended is called when it has ended: there must be a reason, and no process left.
func (s *subject) ended(done *service.Done) {
	l, e := s.l, &s.seen
	if left := l.m.living(s); len(left) > 0 {
		l.violated("%v has ended, and left %v", s, left)
	}
	limit := s.config.Spec.RespawnLimit
	gaveUp := strings.Contains(done.Text, "gave up")
	switch {
	case e.ending || e.resumed && gaveUp:
	case done.Status == 0 && e.normal:
	case gaveUp && limit > 0 && e.row == limit:
	case done.Status != 0 && !gaveUp && e.failed && e.row == 0:
	case done.Status == 1 && strings.Contains(done.Text, "left no process behind") && e.normal && e.row == 0 && s.config.Spec.Follow == service.FollowOn:
	default:
		l.violated("%v has ended for no reason, after %d restarts: %s", s, e.row, done.Text)
	}
	if !l.chaos {
		s.checkEnd(done)
	}
	s.seen = seen{excused: true, stopped: true, over: true}
	s.config.Resume, s.state = nil, nil
}

// forgetSecrets ends the processes that could not be found again: only what was
// written down tells of them.
func (s *subject) forgetSecrets() {
	for _, t := range s.l.m.living(s) {
		if t.secret && !slices.Contains(recorded(s.state), t.pid) {
			s.l.m.exit(t, 9)
		}
	}
}

// orphaned is called when the supervisor was killed: the next one may know less,
// and starts anew what had ended.
func (s *subject) orphaned(then Then) {
	e := &s.seen
	if e.over {
		s.seen = seen{excused: true}
		s.config.Resume, s.state = nil, nil
		return
	}
	s.config.Resume = &Resume{State: s.state, Then: then}
	e.excused, e.resumed, e.row, e.stopped = true, true, 0, then == ThenStop
	e.ending = e.ending || e.stopped
}
