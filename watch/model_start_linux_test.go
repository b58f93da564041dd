package watch

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// modelStarter is the spawner of the model: what it was asked for comes about
// step by step, while the loop goes on.
type modelStarter struct {
	m       *model
	number  int
	job     *startJob
	results []spawned
	woken   bool
}

// startJob is a start under way.
type startJob struct {
	unit  *unit
	run   int
	task  *task
	pidfd int
}

func (m *model) newStarter(int) (starter, error) {
	m.spawns = &modelStarter{m: m}
	m.spawns.number = m.open(m.spawns)
	return m.spawns, nil
}

func (s *modelStarter) FD() int { return s.number }

func (s *modelStarter) readable() bool { return s.woken }

func (s *modelStarter) wake() { s.woken = true }

func (s *modelStarter) clear() { s.woken = false }

func (s *modelStarter) start(u *unit, run int) {
	s.m.enter("start", run)
	if s.job != nil {
		s.m.life.violated("a start while another is under way")
	}
	s.m.life.starting()
	s.job = &startJob{unit: u, run: run, pidfd: -1}
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
	delete(s.m.files, s.number)
	return nil
}

// goOn takes the start that is under way one step further.
func (s *modelStarter) goOn() {
	job, m := s.job, s.m
	switch {
	case job.task == nil && m.fails():
		s.end(spawned{err: fmt.Errorf("fork: %w", unix.EAGAIN)})
	case job.task == nil:
		m.life.spawning()
		if job.task = m.fork(m.self, false); job.task == nil {
			s.end(spawned{err: fmt.Errorf("fork: %w", unix.EAGAIN)})
			return
		}
		t := job.task
		t.ours, t.session, t.spawning, t.env = true, t.pid, true, m.life.environ()
		t.lazy, t.heedless, t.reaper = false, false, false
		job.pidfd = m.open(t)
	case job.task.dead:
		s.end(spawned{pid: job.task.pid, pidfd: job.pidfd})
	case m.fails():
		m.exit(job.task, 127<<8)
		m.reapTask(job.task)
		delete(m.files, job.pidfd)
		s.end(spawned{err: fmt.Errorf("exec: %w", unix.ENOMEM)})
	default:
		job.task.spawning = false
		m.exec(job.task, "/daemon")
		job.task.plan = m.life.program()
		s.end(spawned{pid: job.task.pid, pidfd: job.pidfd})
	}
}

func (s *modelStarter) end(out spawned) {
	out.unit, out.run = s.job.unit, s.job.run
	if out.err != nil {
		out.pid, out.pidfd = 0, -1
		s.m.life.spawnFailed()
	}
	s.results = append(s.results, out)
	s.job, s.woken = nil, true
}

// ready tells whether there is a next step: the new process does not run
// before its birth is told.
func (s *modelStarter) ready() bool { return s.job != nil && (s.job.task == nil || !s.job.task.unborn) }

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

func (s *modelSignals) readable() bool { return s.m.chld || s.m.term }

func (s *modelSignals) read(each func(unix.Signal)) error {
	chld, term := s.m.chld, s.m.term
	s.m.chld, s.m.term = false, false
	s.m.enter("read signalfd", chld, term)
	if chld {
		each(unix.SIGCHLD)
	}
	if term {
		s.m.life.stopAsked()
		each(unix.SIGTERM)
	}
	return nil
}

func (s *modelSignals) close() error {
	delete(s.m.files, s.number)
	return nil
}

// modelClient is a client's connection: what it asks is done in the loop.
type modelClient struct{ ask func(s *Supervisor) }

func (c *modelClient) readable() bool { return c.ask != nil }
