//go:build linux

package test

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that was born and orphaned while there was no supervisor, and that has written its title over its environment,
// is found by the output that it shares with the service.
func TestRetitledOrphan(t *testing.T) {
	t.Parallel()
	perl, err := exec.LookPath("perl")
	if err != nil {
		skip(t, "no perl")
	}
	s := newService(t, perl)
	s.name = "perl"
	s.args = []string{"-e", `
		use POSIX;
		sub note { open(my $to, ">>", $ARGV[0]); print $to "@_\n" }
		$SIG{USR1} = sub {
			return if fork;
			setsid;
			exit if fork;
			$0 = "worker";
			$SIG{TERM} = "DEFAULT";
			note "worker $$";
			while (1) { sleep 100 }
		};
		note "main $$";
		while (1) { sleep 100; wait }`, s.journal.path}
	st := s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	kill(t, st.MainPID, unix.SIGUSR1)
	worker := number(s.journal.waitFor(`^worker (\d+)$`, 1)[1])
	if environ := (textFile{t, "/proc/" + strconv.Itoa(worker) + "/environ"}).text(); strings.Contains(environ, "RESPAWNER_ID") {
		t.Fatalf("it has its mark still: %q", environ)
	}
	if r := s.tell("stop"); r.code != 0 || alive(worker) {
		t.Errorf("stop has left the worker: %v", r)
	}
}

// The mark of a service counts on no process of a user that the service has none of: any user may have learnt it.
func TestMarkOfAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	s := newShape(t, "foreground")
	st := s.start()
	var id string
	for v := range strings.SplitSeq((textFile{t, "/proc/" + strconv.Itoa(st.MainPID) + "/environ"}).text(), "\x00") {
		if strings.HasPrefix(v, "RESPAWNER_ID=") {
			id = v
		}
	}
	another := exec.Command("setpriv", "--reuid="+strangerUID, "--clear-groups", "env", id, "sleep", "300")
	another.Env = os.Environ()
	stranger := launch(t, another)
	eventually(t, "it has exec'ed", func() bool {
		return strings.HasPrefix((textFile{t, "/proc/" + strconv.Itoa(stranger.pid()) + "/cmdline"}).text(), "sleep")
	})
	kill(t, st.SupervisorPID, unix.SIGKILL)
	if now := s.start(); now.MainPID != st.MainPID || len(now.PIDs) != 1 {
		t.Errorf("taken over: %+v", now)
	}
	s.stop()
	stranger.mustLive()
}
