package watch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/settle"
	"respawner/watch/spawn"
)

// tryout is the room in which another binary says whether it could take over, before it is exec'ed. It is
// run as it would be, by the supervisor itself: what a client says of it is not believed.
type tryout struct {
	binary  string
	file    unix.Stat_t // the binary, as it was tried
	spawner *spawn.Spawner[*tryout]
	started *slot
	ended   *slot
	pidfd   int
	said    [2]int // pipes: its stdout and stderr
	over    bool
	err     error // why it can't take over
}

// trialPatience is how long a binary may take to say that it can take over.
const trialPatience = 10 * time.Second

// The environment of a binary that is tried.
const trialEnv = "RESPAWNER_UPGRADE=check"

// tried reports whether the binary that is there now was tried, and can take over: with an error, why it can't.
// Until that is known it is false.
func (s *Host) tried() (bool, error) {
	binary := s.config.Binary
	if binary == "" {
		return true, nil
	}
	if t := s.trial; t != nil && t.over && t.err == nil && t.file != fileAt(t.binary) {
		s.forgetTrial() // another one has been installed since
	}
	if s.trial == nil {
		s.trial = &tryout{binary: binary, file: fileAt(binary), pidfd: -1, said: [2]int{-1, -1}}
		if err := s.try(s.trial); err != nil {
			s.endTrial(s.trial, err)
		}
	}
	return s.trial.over, s.trial.err
}

// forgetTrial is for a trial that is over, if there is one.
func (s *Host) forgetTrial() {
	if s.trial != nil && s.trial.over {
		s.trial = nil
	}
}

// fileAt returns what tells a file from another one that was installed in its place, zero for none.
func fileAt(path string) (st unix.Stat_t) {
	_ = unix.Stat(path, &st)
	st.Atim = unix.Timespec{} // it is read
	return st
}

// try starts the binary. It is a stranger to all services.
func (s *Host) try(t *tryout) (err error) {
	var writers [2]*os.File
	for i := range t.said {
		var pipe [2]int
		if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			return os.NewSyscallError("pipe2", err)
		}
		t.said[i], writers[i] = pipe[0], os.NewFile(uintptr(pipe[1]), "pipe")
		defer writers[i].Close()
	}
	if t.spawner, err = spawn.New[*tryout](1); err != nil {
		return err
	}
	if t.started, err = s.loop.add(rankPidfile, t.spawner.FD(), unix.EPOLLIN, func(uint32) { s.trialStarted(t) }); err != nil {
		return err
	}
	s.table.Starting(settle.Stranger)
	t.spawner.Start(spawn.Request[*tryout]{Key: t, Command: func(*tryout) (spawn.Command, error) {
		null := s.units[0].program.Files[0]
		return spawn.Command{Path: t.binary, Args: os.Args, Env: append(os.Environ(), trialEnv), Files: [3]*os.File{null, writers[0], writers[1]}}, nil
	}})
	return s.timers.Set(deadline{trial: t}, s.now().Add(trialPatience))
}

// trialStarted is called when the binary runs, or can't be run.
func (s *Host) trialStarted(t *tryout) {
	t.spawner.Clear()
	out, ok := t.spawner.Take()
	if !ok {
		return
	}
	s.check(errors.Join(s.loop.remove(t.started), t.spawner.Close()))
	s.readBirths()
	if out.Err != nil {
		s.table.Failed(settle.Stranger, out.Pid)
		s.endTrial(t, out.Err)
		return
	}
	if t.over { // it was late
		s.check(s.sendSignal(out.Pidfd, unix.SIGKILL))
	}
	fd, err := unix.FcntlInt(uintptr(out.Pidfd), unix.F_DUPFD_CLOEXEC, 3)
	s.table.Started(settle.Stranger, s.startOf(spawned{pid: out.Pid, pidfd: out.Pidfd}))
	if t.over {
		_ = unix.Close(fd)
		return
	}
	if t.pidfd = fd; err == nil {
		t.ended, err = s.loop.add(rankPidfile, fd, unix.EPOLLIN, func(uint32) { s.endTrial(t, t.verdict(s.config.Check)) })
	}
	if err != nil {
		s.endTrial(t, err)
	}
}

// verdict says whether the binary, which has ended, can take over. What it has left behind is not
// waited for.
func (t *tryout) verdict(want string) error {
	var said [2]string
	for i, fd := range t.said {
		var buf [4096]byte
		n, _ := unix.Read(fd, buf[:]) // nothing there is nothing said
		said[i] = string(bytes.TrimSpace(buf[:max(n, 0)]))
	}
	switch {
	case said[1] != "":
		return errors.New(strings.ReplaceAll(said[1], "\n", "; "))
	case said[0] != strings.TrimSpace(want):
		return errors.New("it is no respawner that knows how, or another kind of one")
	}
	return nil
}

// trialLate is called when the binary has not said anything for too long.
func (s *Host) trialLate(t *tryout) {
	if t.pidfd >= 0 {
		s.check(s.sendSignal(t.pidfd, unix.SIGKILL))
	}
	s.endTrial(t, fmt.Errorf("it does not answer within %v", trialPatience))
}

func (s *Host) endTrial(t *tryout, err error) {
	if t.over {
		return
	}
	if t.over = true; err != nil {
		t.err = fmt.Errorf("%s can't take over: %w", t.binary, err)
	}
	s.check(s.timers.Clear(deadline{trial: t}))
	if t.ended != nil {
		s.check(s.loop.remove(t.ended))
	}
	for _, fd := range append(t.said[:], t.pidfd) {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	s.spawner.wake() // for another turn
}
