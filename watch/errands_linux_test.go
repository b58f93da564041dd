package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/test/fuse"
	"respawner/watch/control"
	"respawner/watch/service"
)

// hungState and hungHistory are on a disk that hangs until a FIFO is opened to
// write.
type (
	hungState struct {
		StateFile
		fifo string
	}
	hungHistory struct {
		HistoryFile
		fifo string
	}
)

func (h hungState) WriteState(b []byte) error {
	hang(h.fifo)
	return h.StateFile.WriteState(b)
}

func (h hungHistory) Append(lines []byte) error {
	hang(h.fifo)
	return h.HistoryFile.Append(lines)
}

func hang(fifo string) { _ = unix.Close(must(open(fifo, 0))) }

// hangingDisk makes such a FIFO.
func hangingDisk(t *testing.T) (path string, release func()) {
	path = filepath.Join(t.TempDir(), "hang")
	check(t, unix.Mkfifo(path, 0o600))
	return path, func() {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		check(t, err)
		t.Cleanup(func() { _ = f.Close() })
	}
}

// awaitOf asks for another service's status until it is as wanted.
func awaitOf(s *supervised, name string, is func(*control.Status) bool) (st *control.Status) {
	eventually(s.t, name+" is as wanted", func() bool {
		now, presence, err := s.dir.Status(name)
		st = now
		return err == nil && presence == control.Held && is(now)
	})
	return st
}

// While the state file, the history and the pidfile's folder of a service hang,
// status is answered, and another service is started and stopped. When the disks
// answer again, all is written and read.
func TestRunOnHungDisks(t *testing.T) {
	dir, disk := mountDisk(t)
	hang, release := hangingDisk(t)
	p := shell("exec sleep 1000", service.Spec{StopTimeout: patient})
	p.Hang, p.Pidfile = hang, dir+"/x.pid"
	other := shell("exec sleep 1000", service.Spec{Name: "y", StopTimeout: patient})
	p.Beside = []plan{other}
	s := begin(t, p)
	main := s.up()
	y := awaitOf(s, "y", func(st *control.Status) bool { return st.State == "running" })

	write(t, p.Pidfile, fmt.Sprintln(main), 0o644)
	disk.Hang(fuse.All)
	check(t, unix.Kill(y.MainPID, unix.SIGKILL)) // a start is a reason to read all pidfiles
	awaitOf(s, "y", func(st *control.Status) bool { return st.Restarts == 1 && st.State == "running" })
	<-disk.Unanswered
	for _, said := range []string{"will not know all", "history of x: the disk does not answer"} {
		eventually(t, said, func() bool { return strings.Contains(s.log.String(), said) })
	}
	s.await("that is told", func(st *control.Status) bool {
		return strings.HasSuffix(st.Message, "the disk does not answer: ignored")
	})
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	if _, _, err := s.dir.Ask(ctx, "x", control.Request{Op: control.OpUpgrade, Checked: true}); err == nil || !strings.Contains(err.Error(), errHangs.Error()) {
		t.Errorf("an upgrade while a disk hangs: %v", err)
	}
	slowest := time.Duration(0)
	for range 200 {
		began := time.Now()
		if st := s.status(); st.State != "running" || st.MainPID != main {
			t.Fatalf("status %+v", st)
		}
		slowest = max(slowest, time.Since(began))
	}
	t.Logf("the slowest of 200 answers took %v", slowest)
	stopped := make(chan error, 1)
	go func() { // until the process has ended, which both services are in
		_, _, err := s.dir.Stop(ctx, "y", control.Request{})
		stopped <- err
	}()
	awaitOf(s, "y", func(st *control.Status) bool { return st.State == "stopped" })

	disk.Thaw()
	release()
	s.await("the pidfile is read", func(st *control.Status) bool { return st.Message == "" })
	eventually(t, "the state is written", func() bool { b, err := s.dir.State("x"); return err == nil && len(b) > 0 })
	s.stop()
	check(t, <-stopped)
	events := must(s.dir.History("x"))
	if !slices.ContainsFunc(events, func(e control.Event) bool { return e.PID == main }) {
		t.Errorf("history: %+v", events)
	}
}

// A disk that never answers again does not keep the supervisor from ending.
func TestRunEndsOnHungDisk(t *testing.T) {
	p := shell("exec sleep 1000", service.Spec{})
	p.Hang, _ = hangingDisk(t)
	p.Forever = true
	s := begin(t, p)
	main := s.up()
	var o outcome
	check(t, s.cmd.Process.Signal(unix.SIGTERM))
	check(t, s.out.Decode(&o))
	check(t, s.cmd.Wait())
	s.cmd = nil
	if o.Err != "" || o.Result.Status != 0 || o.Result.Last.State != "stopped" || unix.Kill(main, 0) != unix.ESRCH {
		t.Errorf("%+v", o)
	}
	if said := "what was still to be written there is given up"; !strings.Contains(s.log.String(), said) {
		t.Errorf("the log lacks %q:\n%s", said, s.log)
	}
}

// testErrands is the room, and its turns.
func testErrands(t testing.TB, disks int) (r *errands, turn func()) {
	timers := must(host.newTimers())
	r = &errands{carrier: must(host.newCarrier()), timers: timers, now: time.Now, check: func(err error) { check(t, err) }}
	r.disks.free, r.paths.free = disks, errandThreads-disks
	t.Cleanup(func() {
		if !r.settle(patient, func() {}) {
			t.Error("an errand has not returned")
		}
		check(t, r.close())
		check(t, timers.Close())
	})
	return r, func() {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(r.FD()), Events: unix.POLLIN}, {Fd: int32(timers.FD()), Events: unix.POLLIN}}, -1)
		if err != unix.EINTR {
			check(t, err)
		}
		check(t, timers.Expired(time.Now(), func(d deadline) { r.due(d.errand) }))
		r.returned()
	}
}

// What hangs keeps its lane, no other one, and never more threads than its crew
// has. What is late is told so once, and done when it can be.
func TestErrands(t *testing.T) {
	r, turn := testErrands(t, 2)
	var told []string
	tell := func(what string) func() { return func() { told = append(told, what) } }
	let := make(chan struct{})
	stuck := func() func() { <-let; return tell("too late") }
	quick := func(what string) func() func() { return func() func() { return tell(what) } }
	a, b, c, p := &lane{crew: &r.disks}, &lane{crew: &r.disks}, &lane{crew: &r.disks}, &lane{crew: &r.paths}

	r.run(a, time.Millisecond, stuck, tell("a is late"))
	r.run(a, patient, quick("a again"), tell("never"))
	r.run(b, patient, quick("b"), tell("never"))
	for len(told) < 2 {
		turn()
	}
	if slices.Sort(told); !slices.Equal(told, []string{"a is late", "b"}) || !r.stuck() || r.idle() || !a.busy() || b.busy() {
		t.Fatalf("told %q", told)
	}

	told = nil
	r.run(b, time.Millisecond, stuck, tell("b is late"))
	r.run(c, time.Millisecond, quick("too late"), tell("c is late")) // there is no thread for it
	r.run(p, patient, quick("p"), tell("never"))
	for len(told) < 3 {
		turn()
	}
	if slices.Sort(told); !slices.Equal(told, []string{"b is late", "c is late", "p"}) || r.disks.free != 0 {
		t.Fatalf("told %q, %d threads are free", told, r.disks.free)
	}
	for range maxErrands {
		r.run(c, patient, quick("c again"), tell("c is full"))
	}

	if n := len(told); n != 4 || told[3] != "c is full" { // one waits there already
		t.Errorf("told %q", told)
	}
	close(let)
	for told = nil; !r.idle(); {
		turn()
	}
	counts := map[string]int{}
	for _, what := range told {
		counts[what]++
	}
	if counts["a again"] != 1 || counts["c again"] != maxErrands-1 || counts["too late"] != 0 || r.disks.free != 2 {
		t.Errorf("told %v, %d threads are free", counts, r.disks.free)
	}
}

// How long it takes until what is handed over is written: what a supervisor that
// is killed right after a change has lost is what was younger.
func BenchmarkErrandWrite(b *testing.B) {
	r, turn := testErrands(b, 1)
	dir := must(control.MakeDir(b.TempDir() + "/run"))
	defer dir.Close()
	claim := must(dir.Claim("x"))
	text := []byte(strings.Repeat("x", 1000))
	l := &lane{crew: &r.disks}
	var worst, sum time.Duration
	for b.Loop() {
		began := time.Now()
		var took time.Duration
		r.run(l, patient, func() func() {
			if err := claim.WriteState(text); err != nil {
				b.Error(err)
			}
			took = time.Since(began)
			return nil
		}, nil)
		for !r.idle() {
			turn()
		}
		sum, worst = sum+took, max(worst, took)
	}
	b.ReportMetric(float64(sum.Microseconds())/float64(b.N), "µs/written")
	b.ReportMetric(float64(worst.Microseconds()), "µs/worst")
	check(b, claim.Release(nil))
}
