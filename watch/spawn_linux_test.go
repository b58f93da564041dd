package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// next waits for an outcome.
func next(t *testing.T, s *spawner) spawned {
	t.Helper()
	for {
		readable(t, s.FD())
		s.clear()
		if out, ok := s.take(); ok {
			return out
		}
	}
}

// exec starts a program by a spawner of its own.
func (p *Program) exec(t *testing.T) (pid, pidfd int) {
	t.Helper()
	s, err := newSpawner()
	check(t, err)
	s.start(&unit{program: *p}, 1, func() {})
	out := next(t, s)
	check(t, errors.Join(out.err, s.close()))
	return out.pid, out.pidfd
}

func openSpawner(t *testing.T) *spawner {
	t.Helper()
	s, err := newSpawner()
	check(t, err)
	t.Cleanup(func() { check(t, s.close()) })
	return s
}

// spawnBy starts a program through the spawner, from a thread that has signals
// blocked, as the loop has.
func spawnBy(t *testing.T, s *spawner, p Program, run int) spawned {
	t.Helper()
	s.start(&unit{program: p}, run, func() {})
	out := next(t, s)
	if out.run != run {
		t.Fatalf("woken for %+v", out)
	}
	if _, more := s.take(); more || readableWithin(s.FD(), 0) {
		t.Error("there is more than one result")
	}
	if out.err == nil {
		t.Cleanup(func() {
			_ = host.sendSignal(out.pidfd, unix.SIGKILL)
			_, _ = unix.Wait4(out.pid, nil, 0, nil)
			_ = unix.Close(out.pidfd)
		})
	}
	return out
}

// What is started has a clean world, whatever ours is like.
func TestSpawnedHasCleanWorld(t *testing.T) {
	openSignals(t) // blocks signals on this thread, and has handlers for them
	out := spawnBy(t, openSpawner(t), program(t, "sleep", "1000"), 1)
	check(t, out.err)
	proc := fmt.Sprintf("/proc/%d/", out.pid)
	for _, set := range []string{"SigBlk", "SigIgn", "SigPnd", "ShdPnd", "SigCgt"} {
		if got := statusField(t, proc, set); strings.Trim(got, "0") != "" {
			t.Errorf("%s is %s", set, got)
		}
	}
	eventually(t, "only 0 to 2 are open", func() bool { // the loader has some in passing
		return descriptors(out.pid) == "0=/dev/null 1=/dev/null 2=/dev/null"
	})
	if sid := must(unix.Getsid(out.pid)); sid != out.pid {
		t.Errorf("session %d, pid %d", sid, out.pid)
	}
	if pgid := must(unix.Getpgid(out.pid)); pgid != out.pid {
		t.Errorf("process group %d, pid %d", pgid, out.pid)
	}
	if cwd := must(os.Getwd()); must(os.Readlink(proc+"cwd")) != cwd {
		t.Errorf("works in %s, we in %s", must(os.Readlink(proc+"cwd")), cwd)
	}
	if got := statusField(t, proc, "PPid"); got != fmt.Sprint(os.Getpid()) {
		t.Errorf("its parent is %s", got)
	}
	if isDead(out.pidfd) || host.sendSignal(out.pidfd, unix.SIGKILL) != nil {
		t.Error("the pidfd is not its own")
	}
	readable(t, out.pidfd)
	if e, err := takeEnd(out.pidfd); err != nil || e.Signal != 9 {
		t.Errorf("%+v, %v", e, err)
	}
}

func statusField(t *testing.T, proc, name string) string {
	t.Helper()
	for line := range strings.Lines(string(must(os.ReadFile(proc + "status")))) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("%sstatus has no %s", proc, name)
	return ""
}

func TestSpawnedArgsAndEnv(t *testing.T) {
	dir := t.TempDir()
	p := program(t, "sh", "-c", `printf '%s|' "$0" "$@" "$X" >"$OUT"`, "odd name", "", "a b", "*\n$Y")
	p.Env = []string{"X=1=2", "OUT=" + dir + "/out"}
	out := spawnBy(t, openSpawner(t), p, 1)
	check(t, out.err)
	readable(t, out.pidfd)
	if got := string(must(os.ReadFile(dir + "/out"))); got != "odd name||a b|*\n$Y|1=2|" {
		t.Errorf("got %q", got)
	}
}

// A program that can't be started: what its user is told, and with which
// status. Nothing of the attempt is left.
func TestSpawnFailure(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		return write(t, filepath.Join(dir, name), content, mode)
	}
	loop := dir + "/loop"
	check(t, os.Symlink(loop, loop))
	check(t, os.Symlink(dir+"/nowhere", dir+"/dangling"))
	tests := []struct {
		path   string
		status int
		text   string
	}{
		{dir + "/missing", 127, "no such program"},
		{dir + "/no/folder", 127, "no such program"},
		{dir + "/dangling", 127, "no such program"},
		{"", 127, "no such program"},
		{dir, 126, "permission denied"},
		{file("data", "#!/bin/sh\n", 0o644), 126, "not executable: permission denied"},
		{file("lost", "#!/nonexistent/interpreter\n", 0o755), 126, "its interpreter"},
		{file("mute", "#!"+file("interpreter", "", 0o644)+"\n", 0o755), 126, "permission denied"},
		{file("text", "echo hello\n", 0o755), 126, "neither a program for this machine nor a script with a #! line"},
		{file("empty", "", 0o755), 126, "neither a program"},
		{file("elf", "\x7fELF\x02\x01\x01 but no more", 0o755), 126, "neither a program"},
		{dir + "/data/x", 1, "not a directory"},
		{loop, 1, "too many levels of symbolic links"},
		{dir + "/" + strings.Repeat("x", 300), 1, "file name too long"},
		{dir + "/a\x00b", 1, "invalid argument"},
	}
	s := openSpawner(t)
	for i, tt := range tests {
		t.Run(strings.TrimPrefix(tt.path, dir+"/"), func(t *testing.T) {
			p := program(t, "true")
			p.Path = tt.path
			before := descriptors("self")
			out := spawnBy(t, s, p, i)
			if out.err == nil || out.pidfd != -1 {
				t.Fatalf("got %+v", out)
			}
			f := p.failure(out.run, out.err)
			if f.Run != i || f.Status != tt.status || !strings.Contains(f.Text, tt.text) || !strings.Contains(f.Text, tt.path) {
				t.Errorf("got %+v, want %d and %q", f, tt.status, tt.text)
			}
			if after := descriptors("self"); after != before {
				t.Errorf("has open %s; before %s", after, before)
			}
			if pid, err := host.deadChild(); pid != 0 || err != nil {
				t.Errorf("left a zombie: %d, %v", pid, err)
			}
		})
	}
}

// A spawner that is closed with a result not yet taken does not hang.
func TestSpawnerClosesWithResults(t *testing.T) {
	s, err := newSpawner()
	check(t, err)
	p := program(t, "true")
	p.Path = "/nonexistent"
	s.start(&unit{program: p}, 1, func() {})
	check(t, s.close())
}
