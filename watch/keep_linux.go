package watch

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
)

// keeper is the room of the supervisor's own files, by which commands find it: what is removed is
// put back.
type keeper struct {
	files  Files // nil: they are not looked after
	lane   lane
	slot   *slot
	gone   bool // some may have gone
	failed bool // some could not be put back, and that was told
}

// How long the room waits before it looks: for the end of an rm -r, and since others can have it look as
// often as they like. And when it tries again what did not succeed: nothing tells of a disk that
// has room again.
const (
	keepDelay = 100 * time.Millisecond
	keepRetry = 5 * time.Second
)

func (u *unit) makeKeeper(s *Host) func() error {
	return func() error {
		k := &u.keeper
		if k.files = u.config.Files; k.files == nil {
			return nil
		}
		k.lane = lane{crew: &s.errands.disks}
		fd, err := k.files.Watch()
		if err != nil {
			u.log.Warn(u.name+": its own files are not all looked after", "error", err)
		}
		if fd < 0 {
			k.files = nil
			return nil
		}
		k.gone = true // the first look says what is to be seen
		k.slot, err = s.loop.add(rankPidfile, fd, unix.EPOLLIN, func(uint32) { s.noticed(u) })
		return err
	}
}

// noticed is called when files may have gone.
func (s *Host) noticed(u *unit) {
	if u.keeper.files.Noticed() {
		s.check(s.loop.change(u.keeper.slot, 0))
		s.keepLater(u, keepDelay)
	}
}

// keepLater has the room look when some time has passed.
func (s *Host) keepLater(u *unit, delay time.Duration) {
	s.check(s.timers.Set(deadline{keeper: u}, s.now().Add(delay)))
}

// keeperDue is called when it has.
func (s *Host) keeperDue(u *unit) {
	u.keeper.gone = true
	s.check(s.loop.change(u.keeper.slot, unix.EPOLLIN))
}

// keepFiles has the files put back, if some may have gone.
func (s *Host) keepFiles(u *unit) {
	k := &u.keeper
	if k.files == nil || !k.gone || k.lane.busy() {
		return
	}
	k.gone = false
	s.errands.run(&k.lane, filePatience, func() func() {
		done, err := k.files.PutBack()
		return func() { s.keptFiles(u, done, err) }
	}, func() { // what it does all the same is told by the next one
		s.keepLater(u, keepRetry)
	})
}

// endKeeper has the files no longer be looked after.
func (s *Host) endKeeper(u *unit) {
	s.check(s.timers.Clear(deadline{keeper: u}))
	if k := &u.keeper; k.slot != nil {
		s.check(s.loop.remove(k.slot))
		k.files, k.slot = nil, nil
	}
}

// keptFiles is called with what was put back.
func (s *Host) keptFiles(u *unit, done control.PutBack, err error) {
	if done.Dir != "" {
		u.log.Warn(fmt.Sprintf("%s: its runtime directory has gone, going on in %s", u.name, done.Dir))
	}
	if len(done.Files) > 0 {
		u.log.Warn(fmt.Sprintf("%s: put back what was removed: %s", u.name, strings.Join(done.Files, ", ")))
	}
	s.check(u.server.listen(done.Socket))
	if done.State && u.recorder.file != nil {
		u.recorder.stale, u.recorder.urgent = true, true
	}
	if err != nil {
		s.keepLater(u, keepRetry)
	}
	if err != nil && !u.keeper.failed {
		u.log.Error(u.name+": files that were removed can't be put back: commands may not find its supervisor", "error", err)
	}
	u.keeper.failed = err != nil
}

// listen has clients come by a socket, and no longer by another one.
func (v *server) listen(fd int) error {
	if v == nil || v.fd == fd {
		return nil
	}
	slot, err := v.s.loop.add(rankControl, fd, unix.EPOLLIN, func(uint32) { v.accept() })
	if err != nil {
		return err
	}
	v.s.check(v.s.loop.remove(v.slot))
	old := v.fd
	v.fd, v.slot, v.u.config.Control = fd, slot, fd
	return unix.Close(old)
}
