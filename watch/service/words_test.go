package service

import (
	"strings"
	"testing"
	"time"
)

func TestWords(t *testing.T) {
	for want, e := range map[string]Exit{
		"exited, status 3":                                        {Known: true, Code: 3},
		"killed by signal 9 (SIGKILL)":                            {Known: true, Signal: 9},
		"killed by signal 31 (SIGSYS), core dumped":               {Known: true, Signal: 31, Core: true},
		"killed by signal 40":                                     {Known: true, Signal: 40},
		"killed by signal 9 (SIGKILL) by respawner, after 10s":    {Known: true, Signal: 9, By: ByRespawner, After: 10 * time.Second},
		"killed by signal 9 (SIGKILL) by the kernel's OOM killer": {Known: true, Signal: 9, By: ByKernel},
		"ended, how is not known":                                 {Signal: 9},
	} {
		if got := e.Words(); got != want {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
	if a, b := plural(1, "restart"), plural(2, "restart"); a != "1 restart" || b != "2 restarts" {
		t.Errorf("%q, %q", a, b)
	}
}

func TestSignalName(t *testing.T) {
	var got []string
	for signal := range 33 {
		got = append(got, SignalName(signal))
	}
	want := "0, 1 (SIGHUP), 2 (SIGINT), 3 (SIGQUIT), 4 (SIGILL), 5 (SIGTRAP), 6 (SIGABRT), 7 (SIGBUS), 8 (SIGFPE), 9 (SIGKILL), " +
		"10 (SIGUSR1), 11 (SIGSEGV), 12 (SIGUSR2), 13 (SIGPIPE), 14 (SIGALRM), 15 (SIGTERM), 16 (SIGSTKFLT), 17 (SIGCHLD), " +
		"18 (SIGCONT), 19 (SIGSTOP), 20 (SIGTSTP), 21 (SIGTTIN), 22 (SIGTTOU), 23 (SIGURG), 24 (SIGXCPU), 25 (SIGXFSZ), " +
		"26 (SIGVTALRM), 27 (SIGPROF), 28 (SIGWINCH), 29 (SIGIO), 30 (SIGPWR), 31 (SIGSYS), 32"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
}
