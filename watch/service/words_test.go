package service

import (
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
		"ended, nobody knows how":                                 {Signal: 9},
	} {
		if got := e.Words(); got != want {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
	if a, b := plural(1, "restart"), plural(2, "restart"); a != "1 restart" || b != "2 restarts" {
		t.Errorf("%q, %q", a, b)
	}
}
