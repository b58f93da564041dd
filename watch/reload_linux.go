package watch

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
)

// reload answers with what was sent to which process.
func (p *peer) reload(force bool) error {
	v := p.server
	ev, err := v.s.reload(v.u, force)
	if err != nil {
		return p.refuse(control.CodeState, err)
	}
	return p.send(control.Reply{Status: v.s.status(v.u), Event: &ev})
}

// reload sends a service's main process the reload signal. Without force it refuses that
// where the process has no handler: the signal would end it, or come to nothing.
func (s *Host) reload(u *unit, force bool) (control.Event, error) {
	pid, sig := u.machine.Snapshot().Main, u.config.ReloadSignal
	p := s.table.Known(u.id, pid)
	if p == nil || p.FD < 0 {
		return control.Event{}, noProcess(u)
	}
	r, err := s.receptionOf(pid, sig)
	if s.isReadable(p.FD) { // it has ended, so what was read may be about another one
		return control.Event{}, noProcess(u)
	}
	process := fmt.Sprintf("main pid %d (%s)", pid, r.name)
	if err != nil {
		r, process = reception{disposition: handled}, fmt.Sprintf("main pid %d", pid)
		err = fmt.Errorf("whether %s handles %s can't be told: %w; --force sends it all the same", process, nameOf(sig), err)
	} else if why := whyNot(r.disposition, sig); why != "" {
		err = fmt.Errorf("%s %s; respawner restart %s has it start anew, reload --force sends the signal all the same", process, why, u.name)
	}
	if err != nil && !force {
		return control.Event{}, err
	}
	if err := s.sendSignal(p.FD, sig); err != nil {
		return control.Event{}, fmt.Errorf("signal to pid %d: %w", pid, err)
	}
	text := nameOf(sig) + " to " + process
	if r.disposition == blocked {
		text += ", which blocks it"
	}
	return s.note(u, control.Event{What: "signalled", PID: pid, Text: text}), nil
}

// noProcess is the error of a signal to a service without a main process.
func noProcess(u *unit) error {
	return fmt.Errorf("%s is %v: there is no process to signal", u.name, u.machine.Snapshot().State)
}

// whyNot says why a process can't be told to reload by a signal; it is empty where it can.
func whyNot(d disposition, sig unix.Signal) string {
	switch d {
	case discarded:
		return "ignores " + nameOf(sig) + ", so it would not reload"
	case unhandled:
		return "has no handler for " + nameOf(sig) + ", which would " + byDefault(sig)
	}
	return ""
}

// byDefault says what the kernel has a signal do to a process without a handler (signal(7)).
func byDefault(sig unix.Signal) string {
	switch sig {
	case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH:
		return "come to nothing"
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return "stop it"
	}
	return "end it"
}

// nameOf is what a signal is called; those of real time have a number alone.
func nameOf(sig unix.Signal) string { return cmp.Or(unix.SignalName(sig), sig.String()) }

// maxProcStatus bounds a /proc/PID/status, in bytes: a process may have 65536 groups.
const maxProcStatus = 1 << 20

// receptionOf returns how a process would take a signal. It may be blocked only to be waited
// for: by a signalfd, or by a thread in sigwait, which the kernel shows as one that does
// not block it (do_sigtimedwait).
func (linux) receptionOf(pid int, sig unix.Signal) (reception, error) {
	status, err := readUpTo(fmt.Sprintf("/proc/%d/status", pid), maxProcStatus)
	if err != nil {
		return reception{}, err
	}
	r, err := parseReception(status, int(sig))
	awaits := r.disposition == unhandled && inSigwait(pid, pid) || r.disposition == blocked && (hasSignalfd(pid) || someInSigwait(pid))
	if err == nil && awaits {
		r.disposition = handled
	}
	return r, err
}

func inSigwait(pid, tid int) bool {
	where, err := readUpTo(fmt.Sprintf("/proc/%d/task/%d/wchan", pid, tid), 256)
	return err == nil && strings.Contains(string(where), "sigtimedwait")
}

func someInSigwait(pid int) bool {
	threads, err := pidsIn(fmt.Sprintf("/proc/%d/task", pid))
	return err == nil && slices.ContainsFunc(threads, func(tid int) bool { return inSigwait(pid, tid) })
}

func hasSignalfd(pid int) bool {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	fds, err := pidsIn(dir)
	return err == nil && slices.ContainsFunc(fds, func(fd int) bool {
		file, err := os.Readlink(fmt.Sprintf("%s/%d", dir, fd))
		return !errors.Is(err, os.ErrNotExist) && strings.Contains(file, "[signalfd]")
	})
}
