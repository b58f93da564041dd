//go:build linux

package test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// A full disk costs lines, which are counted, and never the program.
func TestOutputOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := newDisk(t, "64k")
	s := newShell(t, `trap 'echo again' USR2; seq 1 100000; echo written >"$J"; while :; do sleep 300 & wait $!; kill $!; done`)
	kept := textFile{t, disk + "/log"}
	start := s.command("start", "--output", kept.path)
	start.Env = append(start.Env, "J="+s.journal.path)
	if r := finish(t, start); r.code != 0 {
		t.Fatalf("start: %v", r)
	}
	s.journal.waitFor(`written`, 1)
	s.log.waitFor(`can't be kept.*no space left`, 1)
	st := s.mustRun()
	eventually(t, "the pipe is empty", func() bool { return isEmpty(t, s.runtime+"/pipes/sh.out") })
	whole := kept.count(`^` + stamp + `\d+\n`)
	if err := os.Truncate(kept.path, 0); err != nil {
		t.Fatal(err)
	}
	kill(t, st.MainPID, unix.SIGUSR2)
	kept.waitFor(`^`+stamp+`again$`, 1)
	lost := s.log.waitFor(`kept again, (\d+) lines of it were lost`, 1)
	whole += kept.count(`^` + stamp + `\d+\n`) // what had been read before there was place
	if number(lost[1]) != 100_000-whole {
		t.Errorf("%s lost, %d kept", lost[1], whole)
	}
	if n := s.log.count(`no space left`); n != 1 {
		t.Errorf("told %d times", n)
	}
	s.stop()
}

// isEmpty reports whether nothing waits in a FIFO.
func isEmpty(t *testing.T, path string) bool {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	return err == nil && n == 0
}
