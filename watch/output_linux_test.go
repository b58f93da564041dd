package watch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
)

// outputEnv makes the test binary the holder of an output room, in a directory.
const outputEnv = "WATCH_TEST_OUTPUT"

// shelf is a sink that keeps lines, waits at gate, and fails as long as full
// says so.
type shelf struct {
	mu       sync.Mutex
	lines    []string
	count    int
	size     int
	reopened int
	closed   bool
	full     bool
	only     bool // count, don't keep
	gate     chan struct{}
}

func (s *shelf) Write(_ time.Time, lines [][]byte) (int, error) {
	if s.gate != nil {
		<-s.gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full {
		return 0, errors.New("no space")
	}
	for _, line := range lines {
		s.count++
		s.size += len(line)
		if !s.only {
			s.lines = append(s.lines, string(line))
		}
	}
	return len(lines), nil
}

func (s *shelf) Reopen() error { s.mu.Lock(); defer s.mu.Unlock(); s.reopened++; return nil }
func (s *shelf) Close() error  { s.mu.Lock(); defer s.mu.Unlock(); s.closed = true; return nil }

func (s *shelf) setFull(full bool) { s.mu.Lock(); defer s.mu.Unlock(); s.full = full }

func (s *shelf) has(want ...string) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Equal(s.lines, want)
	}
}

// bench is an output room on a pipe of its own.
type bench struct {
	t    *testing.T
	pipe *control.Pipe
	w    *os.File // a program's end
	log  logBuffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	dir := must(control.MakeDir(filepath.Join(t.TempDir(), "run")))
	claim := must(dir.Claim("x"))
	b := &bench{t: t, pipe: must(claim.OpenPipe())}
	b.w = must(b.pipe.Writer())
	t.Cleanup(func() { check(t, errors.Join(b.w.Close(), b.pipe.Close(), claim.Release(nil), dir.Close())) })
	return b
}

func (b *bench) open(s Sink, begun ...byte) *output {
	b.t.Helper()
	return must(newOutput(Output{Pipe: b.pipe, Sink: s, Begun: begun}, slog.New(slog.NewTextHandler(&b.log, nil))))
}

func (b *bench) says(format string, a ...any) {
	b.t.Helper()
	_, err := fmt.Fprintf(b.w, format, a...)
	check(b.t, err)
}

// finish has the room end, as the loop does.
func (o *output) finish() error {
	o.end()
	return o.await()
}

func TestOutputGivesLines(t *testing.T) {
	b, s := newBench(t), &shelf{}
	o := b.open(s)
	b.says("one\ntwo\nthr")
	eventually(t, "two lines", s.has("one", "two"))
	b.says("ee\n\npart")
	eventually(t, "four", s.has("one", "two", "three", ""))
	if !o.reopen() {
		t.Error("can't be reopened")
	}
	b.says("ial")
	check(t, o.finish())
	if !s.has("one", "two", "three", "", "partial")() || !s.closed || s.reopened != 1 {
		t.Errorf("in the end: %q, closed %t, reopened %d", s.lines, s.closed, s.reopened)
	}
}

// All that is in the pipe is written in the end, whether or not the goroutine
// was told of it.
func TestOutputFinishes(t *testing.T) {
	for range 50 {
		b, s := newBench(t), &shelf{only: true}
		b.says("%s", strings.Repeat("line\n", 10_000))
		o := b.open(s)
		check(t, o.finish())
		if s.count != 10_000 {
			t.Fatalf("%d lines", s.count)
		}
	}
}

// vanish ends a room that is paused, as an exec does.
func (o *output) vanish(t *testing.T) []byte {
	begun, resume, err := o.pause()
	check(t, err)
	o.leave = true
	resume()
	<-o.ended
	check(t, o.wake.close())
	return begun
}

// What was read and not written, and what was not read, is the next room's.
func TestOutputPauses(t *testing.T) {
	b, s := newBench(t), &shelf{}
	want := 0
	var begun []byte
	for run := range 50 {
		o := b.open(s, begun...)
		for range 20 {
			b.says("%d and", want)
			b.says(" %d\n%s", run, "begun"[:run%6])
			b.says("\n")
			want += 2
		}
		b.says("left")
		begun = o.vanish(t)
	}
	o := b.open(s, begun...)
	check(t, o.finish())
	if s.count != want+1 || strings.Count(strings.Join(s.lines, "\n"), "left") != 50 {
		t.Errorf("%d lines of %d", s.count, want+1)
	}
}

// An endless line comes in pieces, in bounded memory.
func TestOutputOfOneEndlessLine(t *testing.T) {
	const size = 1 << 30
	b, s := newBench(t), &shelf{only: true}
	o := b.open(s)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cmd := exec.Command("head", "-c", fmt.Sprint(size), "/dev/zero")
	cmd.Stdout = b.w
	check(t, cmd.Run())
	check(t, o.finish())
	runtime.ReadMemStats(&after)
	if cuts := s.count - 1; s.size != size+cuts*len(ellipsis) || s.count != size/maxLine {
		t.Errorf("%d bytes in %d lines", s.size, s.count)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 64<<20 {
		t.Errorf("allocated %d bytes for that", grown)
	}
}

// A sink that is stuck holds up the program alone: the loop's calls return.
func TestOutputOfAStuckSink(t *testing.T) {
	b, s := newBench(t), &shelf{only: true, gate: make(chan struct{})}
	o := b.open(s)
	cmd := exec.Command("head", "-c", fmt.Sprint(8<<20), "/dev/zero")
	cmd.Stdout = b.w
	check(t, cmd.Start())
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }() // it may have more to say than is read in the end
	eventually(t, "a full pipe", func() bool {
		var n int
		raw := must(b.pipe.Reader().SyscallConn())
		check(t, raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }))
		return n >= 1<<16
	})
	o.quote(time.Time{})
	for range 10 {
		o.reopen() // refused when too many wait
	}
	o.end()
	select {
	case <-o.ended:
		t.Error("it says that all is written")
	default:
	}
	close(s.gate)
	check(t, o.await()) // now it can
}

// A full disk costs lines, which are counted; it is told of once.
func TestOutputIsLostAndCounted(t *testing.T) {
	b, s := newBench(t), &shelf{}
	o := b.open(s)
	b.says("kept\n")
	eventually(t, "one line", s.has("kept"))
	s.setFull(true)
	for range 100 {
		b.says("lost\n")
	}
	eventually(t, "told", func() bool { return strings.Contains(b.log.String(), "no space") })
	eventually(t, "read", func() bool { return !host.isReadable(int(b.w.Fd())) })
	o.quote(time.Time{})
	<-o.quotes // so all was written, in vain
	s.setFull(false)
	b.says("again\n")
	eventually(t, "it goes on", s.has("kept", "again"))
	check(t, o.finish())
	if log := b.log.String(); strings.Count(log, "no space") != 1 || !strings.Contains(log, "kept again, 100 lines of it were lost") {
		t.Errorf("log:\n%s", log)
	}
}

// The last lines are those that were written before they are asked for.
func TestOutputQuotes(t *testing.T) {
	b, s := newBench(t), &shelf{}
	o := b.open(s)
	for i := range 200 {
		b.says("%d\nof\n%s\nbegun", i, strings.Repeat("x", 300))
		if !o.quote(time.Time{}) {
			t.Fatal("refused")
		}
		readable(t, o.wake.fd)
		o.wake.clear()
		got := <-o.quotes
		first := fmt.Sprint(i)
		if i > 0 {
			first = "begun" + first
		}
		if want := []string{first, "of", strings.Repeat("x", 200) + ellipsis, "begun"}; !slices.Equal(got[max(0, len(got)-4):], want) || len(got) > lastLines {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	check(t, o.finish())
}

// The supervisor is killed: the program writes on, and the next one reads what
// was in the pipe.
func TestOutputOfAKilledSupervisor(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(t.TempDir(), "lines")
	holder := exec.Command("/proc/self/exe")
	holder.Env = append(os.Environ(), outputEnv+"="+path)
	holder.ExtraFiles = []*os.File{b.pipe.Reader()}
	check(t, holder.Start())
	const lines = `while [ $i -lt $1 ]; do i=$((i+1)); echo $i; done`
	program := exec.Command("sh", "-c", "i=0; set 10000; "+lines+"; read killed; set 20000; "+lines)
	program.Stdout = b.w
	killed := must(program.StdinPipe())
	check(t, program.Start())
	eventually(t, "lines", func() bool { info, err := os.Stat(path); return err == nil && info.Size() > 2000 })
	check(t, holder.Process.Kill())
	_ = holder.Wait()
	_ = must(io.WriteString(killed, "\n"))
	if err := program.Wait(); err != nil {
		t.Errorf("the program: %v", err)
	}
	s := &shelf{}
	o := b.open(s)
	check(t, o.finish())
	kept := strings.Split(strings.TrimSuffix(string(must(os.ReadFile(path))), "\n"), "\n")
	if s.lines[len(s.lines)-1] != "20000" {
		t.Errorf("the last line is %q", s.lines[len(s.lines)-1])
	}
	// What the killed one had read and not yet written is all that may be missing.
	if got := len(kept) + len(s.lines); 20_000-got > outputBuffer {
		t.Errorf("%d and %d lines", len(kept), len(s.lines))
	}
}

// holdOutput is a supervisor as far as output goes, to be killed.
func holdOutput(path string) {
	out := must(os.Create(path))
	buf := make([]byte, 512)
	pipe := os.NewFile(3, "pipe")
	for {
		n, err := pipe.Read(buf)
		if err != nil && err != io.EOF {
			panic(err)
		}
		_, _ = out.Write(bytes.Clone(buf[:n]))
	}
}
