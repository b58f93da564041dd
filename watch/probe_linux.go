package watch

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Probe uses each system call once that a supervisor can't do without, on this
// very process, and returns an error that names all that are refused, and what
// helps; or that /proc is that of another pid namespace. It costs some 6 µs.
//
// Run calls it itself. A command calls it before it opens any file: from then on
// Go's runtime needs epoll and eventfd too, and ends the process where it has
// none.
var Probe = sync.OnceValue(func() error {
	var p prober
	p.useEpoll()
	p.useTimer()
	p.useSignals()
	p.usePidfd()
	if err := p.err(); err != nil {
		return err
	}
	return ownProc()
})

// ownProc returns an error where /proc is mounted, but shows the pids of another
// pid namespace: what it tells of a pid is of another process.
func ownProc() error {
	var fs unix.Statfs_t
	if err := unix.Statfs("/proc", &fs); err != nil || fs.Type != unix.PROC_SUPER_MAGIC {
		return nil // there is none: a service is followed without
	}
	self, err := os.Readlink("/proc/self") // by its own pids (proc_self_get_link)
	if pid := os.Getpid(); err != nil || self != strconv.Itoa(pid) {
		return fmt.Errorf("/proc is that of another pid namespace (pid %d is %q in it): mount its own with "+
			"\"mount -t proc proc /proc\", or use \"unshare --pid --fork --mount-proc\"", pid, self)
	}
	return nil
}

// prober notes what is refused.
type prober struct{ refused []refusal }

type refusal struct {
	call string
	why  error // as the kernel has said it
}

// absent is a descriptor that is not there: what should be used on one that
// could not be had is used on it, and answers EBADF unless it is refused itself.
const absent = 1 << 30

func (p *prober) useEpoll() {
	epoll := p.open("epoll_create1")(unix.EpollCreate1(unix.EPOLL_CLOEXEC))
	defer p.close(epoll)
	event := p.open("eventfd2")(unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK))
	defer p.close(event)
	p.use("epoll_ctl", unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, event, &unix.EpollEvent{Events: unix.EPOLLIN}))
	var events [1]unix.EpollEvent
	_, err := unix.EpollWait(epoll, events[:], 0)
	p.use("epoll_pwait", err)
}

func (p *prober) useTimer() {
	timer := p.open("timerfd_create")(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK))
	defer p.close(timer)
	p.use("timerfd_settime", unix.TimerfdSettime(timer, 0, &unix.ItimerSpec{}, nil))
}

func (p *prober) useSignals() {
	var none unix.Sigset_t
	p.close(p.open("signalfd4")(unix.Signalfd(-1, &none, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK)))
	p.use("tgkill", unix.Tgkill(os.Getpid(), os.Getpid(), 0)) // the first thread's id is the pid
}

func (p *prober) usePidfd() {
	self := p.open("pidfd_open")(unix.PidfdOpen(os.Getpid(), 0))
	defer p.close(self)
	p.use("pidfd_send_signal", unix.PidfdSendSignal(self, 0, nil, 0))
	if _, err := waitid(unix.P_PIDFD, self, unix.WEXITED|unix.WNOHANG); !errors.Is(err, unix.ECHILD) { // we are no child of ours
		p.use("waitid by pidfd", err)
	}
}

// open is use for a call that returns a descriptor.
func (p *prober) open(call string) func(fd int, err error) int {
	return func(fd int, err error) int {
		if p.use(call, err); err != nil {
			return absent
		}
		return fd
	}
}

func (p *prober) use(call string, err error) {
	if err != nil && !errors.Is(err, unix.EBADF) && !errors.Is(err, unix.EINTR) { // a signal that is pending ends even a wait of no time
		p.refused = append(p.refused, refusal{call, err})
	}
}

func (p *prober) close(fd int) {
	if fd != absent {
		p.use("close", unix.Close(fd))
	}
}

// err is what is refused, and what helps, in one line; nil for nothing.
func (p *prober) err() error {
	if len(p.refused) == 0 {
		return nil
	}
	var calls, helps []string
	for _, r := range p.refused {
		calls = append(calls, fmt.Sprintf("%s (%v)", r.call, r.why))
		if help := helpAgainst(r.why); !slices.Contains(helps, help) {
			helps = append(helps, help)
		}
	}
	return fmt.Errorf("refused here, but needed: %s: %s", strings.Join(calls, ", "), strings.Join(helps, "; "))
}

// helpAgainst says what helps. Docker's filter has pidfd_open and
// pidfd_send_signal since moby/moby#41665; a libseccomp that does not know their
// names (before 2.4.2) leaves them out. runc (since 1.0-rc93) has its filter
// answer ENOSYS, not EPERM, to calls newer than all that the profile names.
func helpAgainst(why error) string {
	switch {
	case errors.Is(why, unix.EPERM), errors.Is(why, unix.EACCES):
		return "the sandbox's seccomp filter must allow it: that of Docker does since the end of 2020, with libseccomp 2.4.2 or newer; " +
			"docker run --security-opt seccomp=FILE gives it another"
	case errors.Is(why, unix.ENOSYS), errors.Is(why, unix.EINVAL):
		return "Linux has it since 5.4; in a sandbox a newer container runtime or gVisor, or another seccomp filter, may help"
	case errors.Is(why, unix.EMFILE):
		return "the limit on open files must be higher (ulimit -n)"
	case errors.Is(why, unix.ENFILE):
		return "the machine's limit on open files must be higher (sysctl fs.file-max)"
	}
	return "a supervisor can't do without it"
}
