package watch

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// Program is what is started.
type Program struct {
	// Path is the file, absolute or with a slash.
	Path string
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

// spawner is the room that starts programs, on a thread of its own, whose
// signal mask is empty: exec keeps the mask, and the loop's is not. There the
// wait for the exec holds up nobody either.
type spawner struct {
	requests chan func() spawned
	bell     *wake // called for each request
	results  chan spawned
	waker    *wake
}

// newSpawner makes room for as many starts under way as there are units.
func newSpawner(units int) (*spawner, error) {
	w, err := newWake()
	if err != nil {
		return nil, err
	}
	bell, err := newBell()
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	if err := heedSignals(); err != nil {
		return nil, errors.Join(err, w.close(), bell.close())
	}
	s := &spawner{make(chan func() spawned, units), bell, make(chan spawned, units), w}
	go s.work()
	return s, nil
}

// heedSignals gives signals that the caller has ignored, and that Go has no
// handler for (TSTP, CONT, libc's own), their default action: exec would hand
// that on. Handlers are reset by the exec itself.
func heedSignals() error {
	for sig := uintptr(1); sig <= 64; sig++ {
		var old, dfl struct { // the kernel's struct sigaction; SIG_DFL is 0, SIG_IGN 1
			handler uintptr
			_       [3]uint64
		}
		_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, 0, uintptr(unsafe.Pointer(&old)), 8, 0, 0)
		if errno == 0 && old.handler == 1 {
			_, _, errno = unix.RawSyscall6(unix.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&dfl)), 0, 8, 0, 0)
		}
		if errno != 0 {
			return os.NewSyscallError("rt_sigaction", errno)
		}
	}
	return nil
}

func (s *spawner) work() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	var none unix.Sigset_t
	err := os.NewSyscallError("sigmask", unix.PthreadSigmask(unix.SIG_SETMASK, &none, nil))
	for {
		s.bell.clear() // the kernel wakes this thread; a channel would have another one woken first, to wake it
		spawn, ok := <-s.requests
		if !ok {
			break
		}
		out := spawn()
		out.err = errors.Join(out.err, err)
		s.results <- out
		s.waker.call()
	}
	close(s.results)
}

// start has the program of u started; the result comes by way of the wake.
func (s *spawner) start(u *unit, run int) {
	was := u.claimed
	s.requests <- func() spawned {
		out := spawned{unit: u, run: run, pidfd: -1}
		out.removed, out.unclean = clean(u.program.Clean) // here, since a file system may be slow
		out.unnamed, out.named = u.pidfile.removeStale(was)
		out.pid, out.pidfd, out.err = u.program.exec()
		return out
	}
	s.bell.call()
}

func (s *spawner) FD() int { return s.waker.fd }

func (s *spawner) wake() { s.waker.call() }

func (s *spawner) clear() { s.waker.clear() }

// take returns a result, if there is one.
func (s *spawner) take() (spawned, bool) {
	select {
	case out := <-s.results:
		return out, true
	default:
		return spawned{}, false
	}
}

func (s *spawner) close() error {
	close(s.requests)
	s.bell.call()
	for out := range s.results {
		_ = out // the loop has ended: nobody is left to be told
	}
	return errors.Join(s.waker.close(), s.bell.close())
}

// exec runs the program in a session of its own. Signals that Go has a
// handler for get their default action back by the exec itself.
func (p *Program) exec() (pid, pidfd int, err error) {
	pidfd = -1
	files, err := p.files()
	if err != nil {
		return 0, -1, err
	}
	if p.pipe != nil {
		defer files[1].Close()
	}
	attr := &syscall.ProcAttr{
		Env:   p.Env,
		Files: []uintptr{files[0].Fd(), files[1].Fd(), files[2].Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	}
	pid, err = syscall.ForkExec(p.Path, p.Args, attr)
	if err != nil {
		return 0, -1, fmt.Errorf("exec %s: %w", p.Path, err)
	}
	if pidfd < 0 { // before Linux 5.4; the child is ours, so its pid can't be another's
		pidfd, err = unix.PidfdOpen(pid, 0)
	}
	return pid, pidfd, err
}

func (p *Program) files() ([3]*os.File, error) {
	if p.pipe == nil {
		return p.Files, nil
	}
	w, err := p.pipe.Writer()
	return [3]*os.File{p.Files[0], w, w}, err
}

// failure tells why a program could not be started, in a user's words, with
// the status that a shell would return.
func (p *Program) failure(run int, err error) service.SpawnFailed {
	f := service.SpawnFailed{Run: run, Status: 1, Text: err.Error()}
	_, gone := os.Stat(p.Path)
	switch {
	case errors.Is(err, unix.ENOENT) && gone != nil:
		f.Status, f.Text = 127, fmt.Sprintf("%s: no such program", p.Path)
	case errors.Is(err, unix.ENOENT):
		f.Status, f.Text = 126, fmt.Sprintf("%s: its interpreter (the #! line, or the loader) does not exist", p.Path)
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
