package spawn

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// A child is known as soon as Start returns, and a program that can't be got at
// holds up no other, nor us: here it is on lease, and we take our time.
func TestSlowExecDelaysItself(t *testing.T) {
	if !canClone {
		t.Skip("there is no clone for this processor")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := must(New[int](1))
	path := write(t, filepath.Join(t.TempDir(), "slow"), "#!/bin/sh\nexit 3\n", 0o755)
	f := must(os.Open(path))
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skip(err) // not every file system has leases
	}
	slow := program(null, "true")
	slow.Path = path
	s.startCommand(1, slow)
	pending := s.underWay()
	if len(pending) != 1 || fmt.Sprint(pending[0]) != children() {
		t.Fatalf("%v are on their way; children are %s", pending, children())
	}
	for range 20 {
		s.startCommand(2, program(null, "true"))
		runtime.GC()
		out := next(t, s)
		if out.Key != 2 {
			t.Fatal("the slow one came first")
		}
		ended(t, out)
	}
	must(unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK))
	out := next(t, s)
	if out.Key != 1 || out.Pid != pending[0] || len(s.underWay()) != 0 {
		t.Errorf("%+v, was %v, pending %v", out, pending, s.underWay())
	}
	if status := ended(t, out); status.ExitStatus() != 3 {
		t.Error(status)
	}
	check(t, s.Close())
}

// What is prepared for one start delays no other, and comes before its program.
func TestSlowPreparationDelaysItself(t *testing.T) {
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		dir := t.TempDir()
		fifo := dir + "/fifo"
		check(t, unix.Mkfifo(fifo, 0o600))
		slow := program(null, "test", "-e", dir+"/prepared")
		s.Start(Request[int]{
			Key: 1,
			Prepare: func(int) {
				f, err := os.OpenFile(fifo, os.O_WRONLY, 0) // waits for a reader
				if err == nil {
					err = f.Close()
				}
				if err == nil {
					err = os.WriteFile(dir+"/prepared", nil, 0o600)
				}
				if err != nil {
					t.Error(err)
				}
			},
			Command: func(int) (Command, error) { return slow, nil },
		})
		for range 20 {
			s.startCommand(2, program(null, "true"))
			out := next(t, s)
			if out.Key != 2 {
				t.Fatal("the slow one came first")
			}
			ended(t, out)
		}
		if pids := s.underWay(); len(pids) != 0 {
			t.Errorf("%v are on their way", pids)
		}
		f := must(os.Open(fifo))
		defer f.Close()
		if out := next(t, s); out.Key != 1 || ended(t, out) != 0 {
			t.Errorf("%+v", out)
		}
	})
}

// 10,000 programs leave nothing, while the garbage collector runs all the time,
// and many are started at once.
func TestManyStarts(t *testing.T) {
	counts := map[string]int{"clone": 10_000, "fork": 500}
	eachWay(t, func(t *testing.T, s *Spawner[int]) {
		defer collectGarbage()()
		many, threads := counts[way(s)], 0
		const atOnce = 20
		for i := range many + atOnce {
			if i < many {
				s.startCommand(i, equal(i))
			}
			if i >= atOnce {
				mustBeEqual(t, next(t, s))
			}
			if i == many/2 {
				threads = len(must(os.ReadDir("/proc/self/task")))
			}
		}
		if now := len(must(os.ReadDir("/proc/self/task"))); now > threads+2 {
			t.Errorf("%d threads; half way there were %d", now, threads)
		}
	})
}

func way(s *Spawner[int]) string {
	if s.fork {
		return "fork"
	}
	return "clone"
}

func collectGarbage() (stop func()) {
	var over atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		for !over.Load() {
			runtime.GC()
		}
	})
	return func() {
		over.Store(true)
		all.Wait()
	}
}

// equal is a command that ends well if its arguments are what they were. Every
// fifth is none.
func equal(i int) Command {
	text := strings.Repeat(fmt.Sprint(i), i%400+1)
	c := program(null, "test", text, "=", text)
	if i%5 == 0 {
		c.Path = "/nonexistent"
	}
	return c
}

func mustBeEqual(t *testing.T, out Outcome[int]) {
	t.Helper()
	if out.Key%5 == 0 {
		if !errors.Is(out.Err, unix.ENOENT) {
			t.Errorf("%+v", out)
		}
		return
	}
	if status := ended(t, out); status != 0 {
		t.Errorf("%d ended with %v", out.Key, status)
	}
}
