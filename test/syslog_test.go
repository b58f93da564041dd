//go:build linux

package test

import (
	"fmt"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// A /dev of our own, without a syslog.
const ownDev = `set -e
dev=$0
mount -t tmpfs none "$dev"
for node in null zero full random urandom; do
	: >"$dev/$node"
	mount --bind "/dev/$node" "$dev/$node"
done
ln -s /proc/self/fd "$dev/fd"
mount --rbind "$dev" /dev
exec "$@"`

// In the background the log goes to the machine's syslog, as respawner[PID].
func TestSyslog(t *testing.T) {
	needShape(t)
	if !insideOf("a /dev of its own") {
		t.Parallel()
		if _, err := exec.LookPath("busybox"); err != nil {
			skip(t, "no busybox to be the syslog daemon")
		}
		inside(t, "a /dev of its own", append(unshare("--mount"), "sh", "-c", ownDev, tempDir(t)), t.Name())
		return
	}
	s := newShape(t, "foreground")
	s.log.path = s.dir + "/messages"
	daemon := launch(t, command(t, "busybox", "syslogd", "-n", "-O", s.log.path))
	if !awaitChange(t, "/dev", patience, func() bool { return exists("/dev/log") }) {
		t.Fatal("the syslog daemon does not come up")
	}
	start := append([]string{"start", "-t", "0.1", "--runtime-dir", s.runtime, s.program, "--"}, s.args...)
	if r := call(t, start...); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	st := s.mustRun()
	now := s.crash(st.MainPID)
	if r := s.tell("stop"); r.code != 0 {
		t.Errorf("stop: %v", r)
	}
	tag := fmt.Sprintf(`respawner\[%d\]: `, st.SupervisorPID)
	s.log.waitFor(tag+`stopped`, 1)
	s.log.inOrder(
		tag+fmt.Sprintf(`started \(pid %d\), command: start shape\n`, st.SupervisorPID),
		tag+fmt.Sprintf(`shape started, pid %d\n`, st.MainPID),
		tag+fmt.Sprintf(`proc %d killed by signo 9\n`, st.MainPID),
		tag+fmt.Sprintf(`shape restarted\(1/0\), pid %d\n`, now.MainPID),
		tag+fmt.Sprintf(`kill\(child pid %d\)\n`, now.MainPID),
		tag+fmt.Sprintf(`proc %d exited, status 0\n`, now.MainPID),
		tag+`stopped\n`,
	)
	daemon.signal(unix.SIGTERM)
	daemon.code()
}
