//go:build linux

package test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A start script that leaves a program behind and ends is followed without an
// option, whether it leaves at once or stays a second.
func TestStartScript(t *testing.T) {
	for name, last := range map[string]string{"at once": "echo started", "a second later": "sleep 1; echo started"} {
		t.Run(name, func(t *testing.T) {
			eachStep(t, func(t *testing.T, step string) {
				dir := tempDir(t)
				script := writeFile(t, dir+"/start.sh", fmt.Sprintf("#!/bin/sh\nnohup sleep 1000 >/dev/null 2>&1 &\necho $! >>%s/pids\n%s\n", dir, last), 0o755)
				s := newService(t, script)
				pids := textFile{t, dir + "/pids"}
				s.start("-t", "0.2", "--tracking", step)
				program := number(strings.TrimSpace(pids.waitFor(`^\d+$`, 1)[0]))
				eventually(t, "the program is main", func() bool { now := s.status(); return now.MainPID == program && now.Followed })
				if r := s.tell("status"); !strings.Contains(r.stdout, "it put itself into the background") {
					t.Errorf("status does not say so: %v", r)
				}
				s.quiet()
				kill(t, program, unix.SIGKILL)
				next := number(strings.TrimSpace(pids.waitFor(`^\d+$`, 2)[0]))
				eventually(t, "the next one is main", func() bool { return s.status().MainPID == next })
				if now := s.mustRun(); now.Restarts != 1 {
					t.Errorf("%+v", now)
				}
				s.stop()
			})
		})
	}
}
