package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// warmUp is how long a storm blows before anything is counted.
const warmUp = 50 * time.Millisecond

// storm is a load on every core: processes that are born and end as quickly as the kernel can. It is paused unless it is
// measured, so that supervisors can be started and stopped in peace.
//
// A loop is not bound to a core, though that would make slices more alike: newborn processes that can't go elsewhere
// keep all others from that core, for seconds (Linux 6.18), so that a follower would cost nothing since it never runs.
type storm struct {
	counters []byte // one in each of the loops' cache lines
	loops    []*child
}

const cacheLine = 64

// startStorm starts a storm of fork+exec, or of bare forks. It is paused.
func (t *tools) startStorm(exec bool) (*storm, error) {
	file := filepath.Join(t.dir, "counters")
	counters, err := mapFile(file, runtime.NumCPU()*cacheLine)
	if err != nil {
		return nil, err
	}
	s := &storm{counters: counters}
	for i := range runtime.NumCPU() {
		args := []string{file, fmt.Sprint(i * cacheLine)}
		if exec {
			args = append(args, t.helper("nothing"))
		}
		loop, err := startChild(t.helper("storm"), args...)
		if err != nil {
			return nil, errors.Join(err, s.end())
		}
		s.loops = append(s.loops, loop)
	}
	return s, s.signal(syscall.SIGSTOP)
}

func mapFile(name string, size int) ([]byte, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(int64(size)); err != nil {
		return nil, err
	}
	b, err := unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mmap: %w", err)
	}
	return b, nil
}

func (s *storm) signal(what os.Signal) error {
	for _, loop := range s.loops {
		if err := loop.Process.Signal(what); err != nil {
			return fmt.Errorf("storm: %w", err)
		}
	}
	return nil
}

func (s *storm) end() error {
	err := unix.Munmap(s.counters)
	for _, loop := range s.loops {
		err = errors.Join(err, loop.end())
	}
	return err
}

// blow lets the storm blow while something happens.
func (s *storm) blow(ctx context.Context, meanwhile func() error) error {
	if err := s.signal(syscall.SIGCONT); err != nil {
		return err
	}
	err := sleep(ctx, warmUp)
	if err == nil {
		err = meanwhile()
	}
	return errors.Join(err, s.signal(syscall.SIGSTOP))
}

// turnOver is how long a change has to take effect before it is measured: what was queued for a follower is read.
const turnOver = 5 * time.Millisecond

// rate is how many processes the storm, which blows, makes in a second.
func (s *storm) rate(ctx context.Context, slice time.Duration) (float64, error) {
	if err := sleep(ctx, turnOver); err != nil {
		return 0, err
	}
	begin, before := time.Now(), s.count()
	if err := sleep(ctx, slice); err != nil {
		return 0, err
	}
	rate := float64(s.count()-before) / time.Since(begin).Seconds()
	if rate == 0 {
		return 0, errors.New("the storm does not blow")
	}
	return rate, nil
}

func (s *storm) count() (sum uint64) {
	for i := range s.loops {
		sum += atomic.LoadUint64((*uint64)(unsafe.Pointer(&s.counters[i*cacheLine])))
	}
	return sum
}
