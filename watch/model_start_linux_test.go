package watch

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// modelStarter is the spawner of the model: what it was asked for comes about
// step by step, while the loop goes on. Each service may have a start under way.
type modelStarter struct {
	m       *model
	number  int
	results []spawned
	woken   bool
}

// startJob is a start under way.
type startJob struct {
	s     *modelStarter
	of    *subject
	out   spawned // what is known of it by now
	task  *task
	since seen          // of the service, before it was asked for
	until time.Duration // it takes its time: a slow file system
}

func (m *model) newStarter() (starter, error) {
	s := &modelStarter{m: m}
	s.number = m.open(s)
	return s, nil
}

func (s *modelStarter) FD() int { return s.number }

func (s *modelStarter) poll() uint32 { return pollIn(s.woken) }

func (s *modelStarter) wake() { s.woken = true }

func (s *modelStarter) clear() { s.woken = false }

// begin begins a start of a service; out says what it is for.
func (s *modelStarter) begin(i int, out spawned) {
	m := s.m
	m.enter("start", i)
	of := m.life.subjects[i]
	if slices.ContainsFunc(m.jobs, func(e job) bool { j, is := e.(*startJob); return is && j.of == of }) {
		m.life.violated("a start of %s while another is under way", of)
	}
	job := &startJob{s: s, of: of, out: out, since: of.seen}
	of.starting()
	job.out.pidfd = -1
	job.dawdle()
	m.send(job)
}

func (s *modelStarter) take() (spawned, bool) {
	if len(s.results) == 0 {
		return spawned{}, false
	}
	out := s.results[0]
	s.results = s.results[1:]
	return out, true
}

func (s *modelStarter) close() error {
	s.m.drop(s.number)
	return nil
}

// dawdle has the next step wait, now and then.
func (j *startJob) dawdle() {
	if m := j.s.m; m.life.chaos && m.knobs.slow && m.one(8) {
		j.until = m.time + time.Duration(m.chance.IntN(5000))*time.Millisecond
	}
}

// goOn takes the start one step further.
func (j *startJob) goOn() {
	m := j.s.m
	switch {
	case j.task == nil && m.fails():
		j.fail(fmt.Errorf("fork: %w", unix.EAGAIN))
	case j.task == nil:
		j.fork()
	case j.task.dead:
		j.end()
	case m.fails():
		m.exit(j.task, 127<<8)
		m.reapTask(j.task)
		m.drop(j.out.pidfd)
		j.fail(fmt.Errorf("exec: %w", unix.ENOMEM))
	default:
		j.task.spawning = false
		m.exec(j.task, "/daemon")
		j.task.plan = m.program(j.of)
		j.end()
	}
}

func (j *startJob) fork() {
	m := j.s.m
	j.of.spawning()
	t := m.fork(m.self, false)
	if t == nil {
		j.fail(fmt.Errorf("fork: %w", unix.EAGAIN))
		return
	}
	m.enterSession(t, t.pid)
	t.of, t.spawning, t.env = j.of, true, j.of.environ()
	t.lazy, t.heedless, t.reaper, t.home = false, false, false, true
	j.task, j.out.pid, j.out.pidfd = t, t.pid, m.openTask(t)
	j.dawdle()
}

func (j *startJob) fail(err error) {
	j.out.pidfd, j.out.err = -1, err
	j.of.spawnFailed()
	j.end()
}

func (j *startJob) end() {
	j.s.results = append(j.s.results, j.out)
	j.s.woken = true
	j.s.m.back(j)
}

// ready reports whether there is a next step: the new process does not run
// before its birth is told.
func (j *startJob) ready() bool {
	return (j.task == nil || !j.task.unborn) && j.s.m.isDue(j.until)
}

func (j *startJob) outlives() bool { return j.task != nil }

func (j *startJob) due() time.Duration { return j.until }

// modelSignals is the signalfd of the model.
type modelSignals struct {
	m      *model
	number int
}

func (m *model) newSignals() (signalSource, error) {
	s := &modelSignals{m: m}
	s.number = m.open(s)
	return s, nil
}

func (s *modelSignals) FD() int { return s.number }

func (s *modelSignals) poll() uint32 { return pollIn(s.m.chld || s.m.term) }

func (s *modelSignals) hold() (resume func(), err error) { return func() {}, nil }

func (s *modelSignals) read(each func(unix.Signal)) error {
	chld, term := s.m.chld, s.m.term
	s.m.chld, s.m.term = false, false
	s.m.enter("read signalfd")
	if chld {
		each(unix.SIGCHLD)
	}
	if term {
		s.m.life.termHeard()
		each(unix.SIGTERM)
	}
	return nil
}

func (s *modelSignals) close() error {
	s.m.drop(s.number)
	return nil
}

// modelClient is a client's connection: what it asks is done in the loop.
type modelClient struct{ ask func(h *heart) }

func (c *modelClient) poll() uint32 { return pollIn(c.ask != nil) }

func (c *modelClient) answer(h *heart) {
	ask := c.ask
	c.ask = nil
	ask(h)
}
