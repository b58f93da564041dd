package spawn

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A program has a session of its own, no signal blocked or ignored, and no other
// descriptors, whatever we have; not even one that is not closed on exec.
func TestCleanWorld(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		open := must(unix.Open("/", unix.O_RDONLY, 0))
		defer unix.Close(open)
		if s.fork { // which can't help it
			unix.CloseOnExec(open)
		}
		out, status := output(t, s, "sh", "-c", `while read -r name set; do case $name in SigQ:) ;; Sig*|ShdPnd:) echo $set; esac; done </proc/$$/status
			cd /proc/$$/fd; echo *; cut -d' ' -f1,5,6 /proc/$$/stat`)
		lines := strings.Split(out, "\n")
		if status != 0 || len(lines) != 8 { // those it handles are its own, and the two that follow
			t.Fatalf("status %v: %s", status, out)
		}
		for i, set := range lines[:4] {
			if strings.Trim(set, "0") != "" {
				t.Errorf("set %d of signals: %s", i, set)
			}
		}
		if lines[5] != "0 1 2 3" && !s.fork { // 3 is what the shell reads the folder by
			t.Errorf("has open %s", lines[5])
		}
		if ids := strings.Fields(lines[6]); ids[0] != ids[1] || ids[0] != ids[2] {
			t.Errorf("pid, process group and session are %v", ids)
		}
	})
}

func TestArgumentsAndEnvironment(t *testing.T) {
	big := strings.Repeat("x", 100_000)
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		file := filepath.Join(t.TempDir(), "out")
		f := must(os.Create(file))
		defer f.Close()
		c := program(f, "sh", "-c", `printf '%s|' "$0" "$@" "$X" ${#Y}`, "odd name", "", "a b", "*\n$Y")
		c.Env = []string{"X=1=2", "Y=" + big}
		s.startCommand(1, c)
		if status := ended(t, next(t, s)); status != 0 {
			t.Error(status)
		}
		if got := string(must(os.ReadFile(file))); got != "odd name||a b|*\n$Y|1=2|100000|" {
			t.Errorf("got %q", got)
		}
	})
}

// Descriptors 0 to 2 may be filled from each other, and from one another's place.
func TestDescriptorsAreNotMixedUp(t *testing.T) {
	if os.Getenv("SPAWN_TEST_MIX") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestDescriptorsAreNotMixedUp$")
		cmd.Env = append(os.Environ(), "SPAWN_TEST_MIX=1")
		var out, errs strings.Builder
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("in"), &out, &errs
		check(t, cmd.Run())
		if out.String() != "to 2\nPASS\n" || errs.String() != "to 1\n" {
			t.Errorf("1: %q, 2: %q", &out, &errs)
		}
		return
	}
	s := must(New[int](1))
	defer s.Close()
	c := program(null, "sh", "-c", "echo to 1; echo to 2 >&2")
	c.Files = [3]*os.File{os.Stdin, os.Stderr, os.Stdout}
	s.startCommand(1, c)
	ended(t, next(t, s))
}

// The folder is looked up at the start; an error of that is told from one of the exec.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	link := dir + "/link"
	check(t, os.Symlink(dir, link))
	here := must(os.Getwd())
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		file := filepath.Join(t.TempDir(), "out")
		f := must(os.Create(file))
		defer f.Close()
		c := program(f, "pwd", "-P")
		c.Dir = link
		s.startCommand(1, c)
		if status := ended(t, next(t, s)); status != 0 {
			t.Error(status)
		}
		if got := string(must(os.ReadFile(file))); got != dir+"\n" {
			t.Errorf("it ran in %q", got)
		}
		for folder, want := range map[string]error{
			dir + "/missing": unix.ENOENT, c.Path: unix.ENOTDIR, "/a\x00b": unix.EINVAL,
		} {
			c.Dir = folder
			s.startCommand(2, c)
			out := next(t, s)
			var wrong *DirError
			if told := errors.As(out.Err, &wrong) && wrong.Dir == folder; !told && want != unix.EINVAL || !errors.Is(out.Err, want) {
				t.Errorf("%q: %v", folder, out.Err)
			}
		}
		if must(os.Getwd()) != here {
			t.Error("the caller is in another folder now")
		}
	})
}

// An error of the exec is told as such; nothing of the attempt is left.
func TestExecErrors(t *testing.T) {
	dir := t.TempDir()
	loop := dir + "/loop"
	check(t, os.Symlink(loop, loop))
	tests := []struct {
		path string
		want error
	}{
		{dir + "/missing", unix.ENOENT},
		{"", unix.ENOENT},
		{write(t, dir+"/lost", "#!/nonexistent/interpreter\n", 0o755), unix.ENOENT},
		{dir, unix.EACCES},
		{write(t, dir+"/data", "#!/bin/sh\n", 0o644), unix.EACCES},
		{write(t, dir+"/text", "echo hello\n", 0o755), unix.ENOEXEC},
		{dir + "/data/x", unix.ENOTDIR},
		{loop, unix.ELOOP},
		{dir + "/" + strings.Repeat("x", 300), unix.ENAMETOOLONG},
		{dir + "/a\x00b", unix.EINVAL},
	}
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		for i, tt := range tests {
			c := program(null, "true")
			c.Path = tt.path
			released := 0
			c.Release = func() { released++ }
			s.startCommand(i, c)
			out := next(t, s)
			if out.Key != i || out.Pidfd != -1 || !errors.Is(out.Err, tt.want) || !strings.Contains(out.Err.Error(), tt.path) {
				t.Errorf("%q: %+v, want %v", tt.path, out, tt.want)
			}
			if released != 1 {
				t.Errorf("%q: released %d times", tt.path, released)
			}
			if pids := children(); pids != "" {
				t.Errorf("%q: left %s", tt.path, pids)
			}
		}
		c := program(null, "true")
		c.Args = append(c.Args, strings.Repeat("x", 1<<20))
		s.startCommand(1, c)
		if out := next(t, s); !errors.Is(out.Err, unix.E2BIG) {
			t.Errorf("too long an argument: %+v", out)
		}
	})
}

// What a command can't be had for is the outcome.
func TestCommandFails(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		s.Start(Request[int]{Key: 7, Command: func(int) (Command, error) { return Command{}, unix.EXDEV }})
		if out := next(t, s); out.Key != 7 || out.Pidfd != -1 || out.Err != unix.EXDEV {
			t.Errorf("%+v", out)
		}
	})
}

// No descriptors are left: that is told, and nothing is lost.
func TestNoDescriptors(t *testing.T) {
	if !canClone {
		t.Skip("there is no clone for this processor")
	}
	s := must(New[int](1))
	var limit unix.Rlimit
	check(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	highest := must(unix.FcntlInt(null.Fd(), unix.F_DUPFD_CLOEXEC, 0))
	check(t, unix.Close(highest))
	for room := range 4 { // of the pipe and the pidfd
		check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(highest + room), Max: limit.Max}))
		s.startCommand(room, program(null, "true"))
		check(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
		out := next(t, s)
		if room == 3 {
			ended(t, out)
		} else if !errors.Is(out.Err, unix.EMFILE) || children() != "" {
			t.Errorf("room for %d: %+v, children %q", room, out, children())
		}
	}
	if s.fork {
		t.Error("that was taken for a clone that is refused")
	}
	check(t, s.Close())
}

// A sandbox that refuses clone3 is found out by the first start, which goes on in
// the other way.
func TestSandbox(t *testing.T) {
	const sandboxEnv = "SPAWN_TEST_SANDBOX"
	if os.Getenv(sandboxEnv) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestSandbox$")
		cmd.Env = append(os.Environ(), sandboxEnv+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	refuseClone3(t)
	s := must(New[int](1))
	for i := range 3 {
		s.startCommand(i, program(null, "true"))
		if out := next(t, s); out.Key != i || ended(t, out) != 0 || !s.fork {
			t.Errorf("%+v, by fork: %v", out, s.fork)
		}
	}
	check(t, s.Close())
}

func refuseClone3(t *testing.T) {
	const clone3 = 435
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: clone3, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	check(t, unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		t.Fatal(errno)
	}
}

// What is a refusal, and what is not.
func TestRefused(t *testing.T) {
	for _, err := range []error{unix.ENOSYS, unix.EPERM, unix.EINVAL} {
		if !isRefused(fmt.Errorf("%w: %w", errClone, err)) || isRefused(err) {
			t.Error(err)
		}
	}
	if isRefused(fmt.Errorf("%w: %w", errClone, unix.EAGAIN)) || isRefused(nil) {
		t.Error("no place for another process, or no error at all, is no refusal")
	}
}

func TestWake(t *testing.T) {
	s := must(New[int](1))
	if readableWithin(s.FD(), 0) {
		t.Error("readable, and nothing is there")
	}
	s.Wake()
	readable(t, s.FD())
	s.Clear()
	if _, ok := s.Take(); ok || readableWithin(s.FD(), 0) {
		t.Error("still readable, or something is there")
	}
	check(t, s.Close())
}

// Close waits for what is under way.
func TestCloseInTheMiddle(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		c := program(null, "true")
		c.Path = "/nonexistent"
		s.startCommand(1, c)
		s.Start(Request[int]{
			Prepare: func(int) { time.Sleep(10 * time.Millisecond) },
			Command: func(int) (Command, error) { t.Error("started after the end"); return c, nil },
		})
	})
}
