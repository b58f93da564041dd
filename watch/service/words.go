package service

import "fmt"

// signalNames are those of Linux, from 1 on (signal(7)); each architecture that Go knows but MIPS
// has these.
var signalNames = [...]string{
	"HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
	"CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
}

// SignalName returns "9 (SIGKILL)", or the bare number of a real-time signal.
func SignalName(signal int) string {
	if signal < 1 || signal > len(signalNames) {
		return fmt.Sprint(signal)
	}
	return fmt.Sprintf("%d (SIG%s)", signal, signalNames[signal-1])
}

// Words returns the end in the words of messages: "killed by signal 9 (SIGKILL)". Those of the
// log are String's.
func (e Exit) Words() string {
	if !e.Known || e.Signal == 0 {
		return e.String()
	}
	return "killed by signal " + SignalName(e.Signal) + e.killer()
}

// killer says which side sent the signal, where that is known.
func (e Exit) killer() string {
	switch {
	case e.Core:
		return ", core dumped"
	case e.By == ByRespawner:
		return fmt.Sprintf(" by respawner, after %v", e.After)
	case e.By == ByKernel:
		return " by the kernel's OOM killer"
	}
	return ""
}

// plural is "1 restart" or "2 restarts".
func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
