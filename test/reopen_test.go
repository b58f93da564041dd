//go:build linux

package test

import (
	"testing"

	"golang.org/x/sys/unix"
)

// After logrotate has moved the files, reopen or USR1 has new ones begun, of
// the program's output and of the supervisor's log; nothing is lost.
func TestReopen(t *testing.T) {
	for how, reopen := range map[string]func(s *service, supervisor int){
		"command": func(s *service, _ int) {
			if r := s.tell("reopen"); r.code != 0 {
				s.t.Errorf("reopen: %v", r)
			}
		},
		"USR1": func(s *service, supervisor int) { kill(s.t, supervisor, unix.SIGUSR1) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, `echo begun; trap 'echo heard' USR2; while :; do sleep 300 & wait $!; kill $!; done`)
			st := s.start()
			kept, log := s.kept(), s.log
			kept.waitFor(`begun$`, 1)
			rename(t, kept.path, kept.path+".1")
			rename(t, log.path, log.path+".1")
			kill(t, st.MainPID, unix.SIGUSR2)
			textFile{t, kept.path + ".1"}.waitFor(`heard$`, 1) // until reopen is asked for
			reopen(s, st.SupervisorPID)
			eventually(t, "new files", func() bool { return exists(kept.path) && exists(log.path) })
			kill(t, st.MainPID, unix.SIGUSR2)
			kept.waitFor(`heard$`, 1)
			s.stop()
			log.waitFor(`stopped$`, 1)
		})
	}
}
