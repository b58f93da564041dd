//go:build linux

package test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// fill uses up what is left of a disk, until it is called again to free it.
func fill(t *testing.T, disk string) (free func()) {
	t.Helper()
	path := disk + "/filling"
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err == nil {
		t.Fatal("the disk is not full")
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}

// The runtime directory fills up: the service is restarted as ever, a supervisor
// that takes it over restarts nothing, and it can be ended.
func TestRuntimeDirFillsUp(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "128k")
	s := newShape(t, "double-fork")
	s.runtime = disk + "/run"
	st := s.start("-t", "0.1", "--follow-forks", "--output", "none")
	free := fill(t, disk)
	st = s.crash(st.MainPID)
	st = s.crash(st.MainPID)
	if r := s.tell("restart"); r.code != 0 {
		t.Errorf("restart: %v", r)
	}
	st = s.mustRun()
	for _, verb := range []string{"adopt", "start"} {
		kill(t, st.SupervisorPID, unix.SIGKILL)
		if r := s.tell(verb, map[string][]string{"start": {"--follow-forks", "--output", "none"}}[verb]...); r.code != 0 {
			t.Fatalf("%s: %v", verb, r)
		}
		if now := s.mustRun(); now.MainPID != st.MainPID {
			t.Errorf("%s: first %+v, then %+v", verb, st, now)
		}
		st = s.mustRun()
	}
	s.starts(4)
	kill(t, st.SupervisorPID, unix.SIGKILL)
	s.stop()
	s.mustNotRun("stopped")
	s.log.waitFor(`later it can't be told how it was started this time.*no space left`, 2)
	s.log.waitFor(`putting things away.*no space left`, 1)
	free()
	s.start("--follow-forks")
	s.stop()
}

// On a full disk there is no place for all that has to be written down of a
// service that grows: that is said. A supervisor that takes it over knows
// its processes by their environment.
func TestServiceGrowsOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "128k")
	s := newShell(t, `
		trap 'i=0; while [ $((i+=1)) -le 100 ]; do sleep 300 & done; echo "grown $$" >>"$0"' USR1
		echo "start $$" >>"$0"; while :; do sleep 300 & wait $!; done`)
	s.args, s.runtime = append(s.args, s.journal.path), disk+"/run"
	st := s.start("--output", "none")
	free := fill(t, disk)
	kill(t, st.MainPID, unix.SIGUSR1)
	s.truth("grown", 1)
	s.log.waitFor(`sh: if the supervisor is killed, the next one will not know all.*no space left`, 1)
	st = s.knowsAll(st, 100)
	for _, verb := range []string{"adopt", "start"} {
		kill(t, st.SupervisorPID, unix.SIGKILL)
		if r := s.tell(verb, map[string][]string{"start": {"--output", "none"}}[verb]...); r.code != 0 {
			t.Fatalf("%s: %v", verb, r)
		}
		now := s.mustRun()
		if now.MainPID != st.MainPID || !slices.Equal(now.PIDs, st.PIDs) || now.Restarts != 0 {
			t.Errorf("%s: first %+v, then %+v", verb, st, now)
		}
		st = now
	}
	s.log.waitFor(`it has left no state`, 2)
	s.starts(1)
	for _, pid := range st.PIDs { // there is no place for each of these deaths in the history
		if pid != st.MainPID {
			kill(t, pid, unix.SIGKILL)
		}
	}
	s.log.waitFor(`history of sh: .*no space left`, 1)
	free()
	s.tell("reset")
	s.recalls(`reset`)
	if n := s.log.count(`history of sh`); n > 3 { // some lines may have had a place in between
		t.Errorf("told %d times", n)
	}
	s.stop()
}

// The runtime directory becomes one in which no file can be made or removed any
// more, while the supervisor runs: the service is none the worse for it.
func TestRuntimeDirFreezes(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "128k")
	s := newShape(t, "foreground")
	s.runtime = disk + "/run"
	st := s.start("-t", "0.1")
	immutable(t, s.runtime, true)
	st = s.crash(st.MainPID)
	s.log.waitFor(`if the supervisor is killed, the next one will not know all`, 1)
	s.crash(st.MainPID)
	if n := s.log.count(`will not know all`); n != 1 {
		t.Errorf("told %d times", n)
	}
	if r := s.tell("stop"); r.code != 0 || !strings.Contains(r.stdout, "stopped") {
		t.Errorf("stop: %v", r)
	}
	waitDead(t, st.SupervisorPID)
	if left := belonging(t); len(left) > 0 {
		t.Errorf("left:\n%s", list(left))
	}
	s.log.waitFor(`putting things away`, 1)
	immutable(t, s.runtime, false)
	s.start()
	s.starts(4)
	s.stop()
}

// immutable has a folder's entries stand as they are, or not any more.
func immutable(t *testing.T, dir string, on bool) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags := 0
	if on {
		flags = unix.STATX_ATTR_IMMUTABLE // which has the value of FS_IMMUTABLE_FL
	}
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		if on {
			skip(t, "this tmpfs can't make a folder immutable: "+err.Error())
		}
		t.Error(err)
	}
	if on {
		t.Cleanup(func() { immutable(t, dir, false) })
	}
}

// The supervisor's own log is on a disk that is full: it drops lines, counts
// them, and goes on.
func TestLogOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "128k")
	s := newShape(t, "foreground")
	s.log.path = disk + "/log"
	st := s.start("-t", "0.1")
	free := fill(t, disk)
	room := func() int { info, _ := os.Stat(s.log.path); return 4096 - int(info.Size())%4096 }
	kill(t, st.MainPID, unix.SIGKILL)
	for before := room(); ; before = room() { // the last page takes some lines more
		s.tell("restart")
		if room() == before {
			break
		}
	}
	st = s.mustRun()
	free()
	kill(t, st.MainPID, unix.SIGKILL)
	s.log.waitFor(`\d+ log messages? dropped`, 1)
	s.waitState("running")
	s.stop()
}
