//go:build linux

package test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Reload of a program that has no handler for the signal would kill it, so that is refused;
// --force does it all the same.
func TestReloadWithoutHandler(t *testing.T) {
	t.Parallel()
	s := newService(t, "sleep", "300")
	st := s.start("-t", "0.1")
	r := s.tell("reload")
	mustFail(t, r, 1, "main pid "+strconv.Itoa(st.MainPID)+" (sleep) has no handler for SIGHUP, which would end it", "respawner restart sleep", "--force")
	if now := s.mustRun(); now.MainPID != st.MainPID || now.Restarts != 0 {
		t.Errorf("before: %+v\nnow: %+v", st, now)
	}
	if r := s.tell("reload", "--force"); r.code != 0 || !strings.Contains(r.stdout, "SIGHUP to main pid "+strconv.Itoa(st.MainPID)+" (sleep)") {
		t.Errorf("reload --force: %v", r)
	}
	s.log.waitFor(`proc `+strconv.Itoa(st.MainPID)+` killed by signo 1$`, 1)
	s.waitState("running")
	s.recalls(`signalled +SIGHUP to main pid ` + strconv.Itoa(st.MainPID) + ` \(sleep\)$`)
	s.stop()
}

// What would come of the signal is said: one that is ignored, or stops the process.
func TestReloadToNoAvail(t *testing.T) {
	t.Parallel()
	for signal, want := range map[string]string{
		"HUP": "ignores SIGHUP, so it would not reload", "WINCH": "which would come to nothing", "TSTP": "which would stop it", "34": "which would end it",
	} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			s := newShell(t, `trap "" HUP; exec sleep 300`)
			s.start("--reload-signal", signal)
			s.truly("sleep")
			mustFail(t, s.tell("reload"), 1, want, "--force")
			s.stop()
		})
	}
}

// truly waits until the main process is called so.
func (s *service) truly(name string) {
	s.t.Helper()
	path := "/proc/" + strconv.Itoa(s.status().MainPID) + "/comm"
	eventually(s.t, "main to be "+name, func() bool {
		comm, err := os.ReadFile(path)
		return err == nil && string(comm) == name+"\n"
	})
}

// A process that blocks the signal to wait for it is told, too: by sigwait in its only thread or
// another one, or by a signalfd.
func TestReloadOfWaiting(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sigwait-hup", "signalfd-hup", "thread-hup"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, kind)
			st := s.start()
			s.truth("main", 1)
			var r result
			eventually(t, "it to wait", func() bool { r = s.tell("reload"); return r.code == 0 })
			mustSay(t, r, "shape was told to reload: SIGHUP to main pid "+strconv.Itoa(st.MainPID)+" (shape)")
			s.truth("hup", 1)
			s.stop()
		})
	}
}

// Where su or runuser is main, which take no HUP, it is said which process was sent it.
func TestReloadOfWrapper(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, wrapper := range []string{"runuser", "su"} {
		t.Run(wrapper, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(wrapper); err != nil {
				skip(t, "no "+wrapper)
			}
			s := newService(t, wrapper, "-s", "/bin/sh", "nobody", "-c", `trap "echo heard" HUP; echo up; while :; do sleep 300 & wait $!; kill $!; done`)
			output := textFile{t, s.dir + "/output"}
			st := s.start("--output", output.path)
			output.waitFor("up$", 1)
			want := wrapper + " was told to reload: SIGHUP to main pid " + strconv.Itoa(st.MainPID) + " (" + wrapper + "), which blocks it"
			mustSay(t, s.tell("reload"), want)
			if r := s.tell("signal", "HUP", "--all"); r.code != 0 {
				t.Errorf("signal --all: %v", r)
			}
			output.waitFor("heard$", 1)
			s.stop()
		})
	}
}
