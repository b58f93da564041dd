package watch

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
	"respawner/watch/spawn"
)

// Program is what is started.
type Program struct {
	// Path is the file, absolute or with a slash.
	Path string
	// Dir is the folder that it runs in, as the user named it: it is looked up at
	// each start, so it may be a link that has moved. Empty for the supervisor's own.
	Dir string
	// Args are the arguments, the program's name (argv[0]) first.
	Args []string
	// Env is the environment, as NAME=value.
	Env []string
	// Files are its descriptors 0, 1 and 2; it gets no others.
	Files [3]*os.File
	// Clean are the paths of files that a killed instance leaves, and that the
	// next one would not start beside. They are removed before each start.
	Clean []string

	pipe *control.Pipe // takes the place of 1 and 2
}

// spawned is the outcome of a start.
type spawned struct {
	unit  *unit
	run   int
	pid   int
	pidfd int
	err   error

	removed []string // by clean
	unclean error    // what clean could not remove

	unnamed bool  // the stale pidfile was removed
	named   error // why it was not
}

// spawner is the room that starts programs: a [spawn.Spawner], which knows a
// start by what will be its outcome.
type spawner struct{ *spawn.Spawner[*spawned] }

// maxCleaning bounds the threads on which files are removed, since a file system
// may be slow.
const maxCleaning = 4

func newSpawner() (*spawner, error) {
	s, err := spawn.New[*spawned](maxCleaning)
	return &spawner{s}, err
}

// start has the program of u started; the result comes by way of the descriptor.
func (s *spawner) start(u *unit, run int, begin func()) {
	r := spawn.Request[*spawned]{
		Key: &spawned{unit: u, run: run},
		Command: func(*spawned) (spawn.Command, error) {
			begin()
			return u.program.command()
		},
	}
	if was := u.claimed; len(u.program.Clean) > 0 || u.pidfile != nil {
		r.Prepare = func(out *spawned) { // on another thread, since a file system may be slow
			out.removed, out.unclean = clean(u.program.Clean)
			out.unnamed, out.named = u.pidfile.removeStale(was)
		}
	}
	s.Start(r)
}

func (s *spawner) wake() { s.Wake() }

func (s *spawner) clear() { s.Clear() }

// take returns a result, if there is one.
func (s *spawner) take() (spawned, bool) {
	o, ok := s.Take()
	if !ok {
		return spawned{}, false
	}
	out := *o.Key
	out.pid, out.pidfd, out.err = o.Pid, o.Pidfd, o.Err
	return out, true
}

func (s *spawner) close() error { return s.Close() }

// command is how the program is started.
func (p *Program) command() (spawn.Command, error) {
	c := spawn.Command{Path: p.Path, Dir: p.Dir, Args: p.Args, Env: p.Env, Files: p.Files}
	if p.pipe == nil {
		return c, nil
	}
	w, err := p.pipe.Writer()
	c.Files[1], c.Files[2], c.Release = w, w, func() { _ = w.Close() }
	return c, err
}

// failure returns why a program could not be started, in a user's words, with
// the status that a shell would return.
func (p *Program) failure(run int, err error) service.SpawnFailed {
	f := service.SpawnFailed{Run: run, Status: 1, Text: err.Error()}
	_, gone := os.Stat(p.Path)
	var folder *spawn.DirError
	switch {
	case errors.As(err, &folder):
		f.Text = noFolder(folder)
	case errors.Is(err, unix.ENOENT) && gone != nil:
		f.Status, f.Text = 127, fmt.Sprintf("%s: no such program", p.Path)
	case errors.Is(err, unix.ENOENT):
		f.Status, f.Text = 126, p.Path+": "+missing(headOf(p.Path))
	case errors.Is(err, unix.EACCES):
		f.Status, f.Text = 126, fmt.Sprintf("%s: not executable: permission denied", p.Path)
	case errors.Is(err, unix.EAGAIN):
		f.Text = fmt.Sprintf("%s: no process can be made: there are as many as may be (ulimit -u, or pids.max of the control group)", p.Path)
	case errors.Is(err, unix.EMFILE):
		f.Text = fmt.Sprintf("%s: can't be started: the supervisor has as many files open as it may (ulimit -n)", p.Path)
	case errors.Is(err, unix.ENOEXEC):
		f.Status, f.Text = 126, fmt.Sprintf("%s: not executable: neither a program for this machine nor a script with a #! line", p.Path)
	}
	return f
}

// noFolder says why the folder that a program was to run in can't be entered.
func noFolder(e *spawn.DirError) string {
	switch {
	case errors.Is(e, unix.ENOENT):
		return fmt.Sprintf("the folder %s, in which it was started, is gone: make it again, or start it in another one", e.Dir)
	case errors.Is(e, unix.ENOTDIR):
		return fmt.Sprintf("%s, in which it was started, is no folder any more: make it again, or start it in another one", e.Dir)
	}
	return fmt.Sprintf("the folder %s, in which it was started, can't be entered: %v", e.Dir, e.Err)
}
