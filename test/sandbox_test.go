//go:build linux

package test

import (
	"fmt"
	"os/exec"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// needed are the system calls that there is no doing without.
var needed = map[string]uintptr{
	"epoll_create1": unix.SYS_EPOLL_CREATE1, "epoll_ctl": unix.SYS_EPOLL_CTL, "epoll_pwait": unix.SYS_EPOLL_PWAIT,
	"eventfd2": unix.SYS_EVENTFD2, "timerfd_create": unix.SYS_TIMERFD_CREATE, "timerfd_settime": unix.SYS_TIMERFD_SETTIME,
	"signalfd4": unix.SYS_SIGNALFD4, "tgkill": unix.SYS_TGKILL, "pidfd_open": unix.SYS_PIDFD_OPEN,
	"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "waitid by pidfd": unix.SYS_WAITID,
}

// unneeded are some that old sandboxes know nothing of, either.
var unneeded = []uintptr{
	unix.SYS_CLONE3, unix.SYS_CLOSE_RANGE, unix.SYS_PIDFD_GETFD, unix.SYS_BPF, unix.SYS_OPENAT2, unix.SYS_STATX,
	unix.SYS_PROCESS_VM_READV, unix.SYS_FACCESSAT2, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_COPY_FILE_RANGE,
	unix.SYS_EPOLL_PWAIT2, unix.SYS_KCMP, unix.SYS_RSEQ, unix.SYS_USERFAULTFD, unix.SYS_PTRACE,
}

// refuses asserts that a command was refused, in one line that names the call,
// says why it is missing and what helps.
func refuses(t *testing.T, r result, call string, errno unix.Errno) {
	t.Helper()
	help := map[unix.Errno]string{unix.EPERM: "seccomp filter must allow it", unix.ENOSYS: "since 5.4", unix.EINVAL: "since 5.4"}[errno]
	said := regexp.MustCompile(`^respawner: [^\n]*` + regexp.QuoteMeta(fmt.Sprintf("%s (%v)", call, errno)) + `[^\n]*` + help + `[^\n]*\n$`)
	if r.code != 1 || r.stdout != "" || !said.MatchString(r.stderr) {
		t.Errorf("should say that %s was refused (%v), and %q: %v", call, errno, help, r)
	}
}

// A sandbox or an old kernel lacks a system call that a supervisor can't do
// without: start says which and what helps, and nothing is started.
func TestNeededCallRefused(t *testing.T) {
	for call, number := range needed {
		for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
			for _, mode := range []string{"background", "foreground"} {
				t.Run(fmt.Sprintf("%s/%s/%s", call, unix.ErrnoName(errno), mode), func(t *testing.T) {
					t.Parallel()
					s := newShape(t, "foreground")
					cmd := s.command("start")
					if mode == "foreground" {
						cmd = command(t, respawner, append([]string{"start", "-D", "--runtime-dir", s.runtime, s.program, "--"}, s.args...)...)
					}
					refuses(t, finish(t, filter{number: errno}.under(t, cmd)), call, errno)
					s.starts(0)
					s.says("is not running", 3)
				})
			}
		}
	}
}

// All that are refused are named at once, so that a profile has to be mended
// only once; each errno has its own help.
func TestNeededCallsRefused(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	r := finish(t, filter{
		unix.SYS_PIDFD_OPEN: unix.EPERM, unix.SYS_PIDFD_SEND_SIGNAL: unix.EPERM,
		unix.SYS_WAITID: unix.EINVAL, // as before Linux 5.4
	}.under(t, s.command("start")))
	refuses(t, r, "pidfd_open", unix.EPERM)
	refuses(t, r, "pidfd_send_signal", unix.EPERM)
	refuses(t, r, "waitid by pidfd", unix.EINVAL)
	s.starts(0)
}

// A new supervisor for a service of which the supervisor was killed: what it may not do in
// its sandbox is said, the service runs on, and the next one takes it over.
func TestAdoptionRefused(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	for _, verb := range []string{"adopt", "start", "stop"} {
		r := finish(t, filter{unix.SYS_PIDFD_OPEN: unix.EPERM}.under(t, s.command(verb)))
		refuses(t, r, "pidfd_open", unix.EPERM)
		s.mustBeOrphaned(st.MainPID)
	}
	if r := s.tell("adopt"); r.code != 0 {
		t.Fatalf("adopt: %v", r)
	}
	s.mustRun()
	s.starts(1)
	s.stop()
}

// What is refused and can be done without costs nothing: a daemon is followed,
// restarted and stopped.
func TestUnneededCallsRefused(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			t.Parallel()
			f := filter{}
			for _, call := range unneeded {
				f[call] = errno
			}
			s := newShape(t, "helper-after")
			r := finish(t, f.under(t, s.command("start", "--follow-forks", "-t", "0")))
			if r.code != 0 {
				t.Fatalf("start: %v", r)
			}
			st := s.mustRun()
			if st.MainPID != s.truth("main", 1) || st.Tracking == "kernel-set" {
				t.Errorf("status: %+v", st)
			}
			mustBeMain(s, s.crash(st.MainPID), 2)
			s.starts(2)
			s.stop()
		})
	}
}

// However few descriptors there may be: what can't be made for want of them is
// said, and what was made is put away. (With less than ten Go's runtime lacks
// its own.)
func TestStartWithFewDescriptors(t *testing.T) {
	t.Parallel()
	started := false
	for limit := 10; !started && limit < 64; limit++ {
		s := newShape(t, "foreground")
		start := s.command("start")
		cmd := exec.Command("sh", append([]string{"-c", fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, limit)}, start.Args...)...)
		cmd.Env, cmd.WaitDelay = start.Env, start.WaitDelay
		r := finish(t, cmd)
		if started = r.code == 0; started {
			s.stop()
		} else if r.code != 1 || len(matches(`^respawner: .*(too many open files|ulimit -n)`, r.stderr)) != 1 {
			t.Errorf("with %d descriptors: %v", limit, r)
		}
		s.end()
	}
	if !started {
		t.Error("it does not start at all")
	}
}
