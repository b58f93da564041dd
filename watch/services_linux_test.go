package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/test/fuse"
	"respawner/watch/control"
	"respawner/watch/service"
)

// hosted is a host that runs in this process, with services that have all there can be: a control
// socket, a history, a state file, a pidfile and an output.
type hosted struct {
	*Host
	t      *testing.T
	dir    *control.Dir
	at     string
	null   *os.File
	log    logBuffer
	cancel func()
	ended  chan error
	left   []Result     // set when it has ended
	freed  atomic.Int64 // of the services in memory
}

// hostHere has a host run; end waits for its end.
func hostHere(t *testing.T, step Tracking) (h *hosted, end func()) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "run")
	h = &hosted{t: t, at: at, dir: must(control.MakeDir(at)), null: must(os.OpenFile(os.DevNull, os.O_RDWR, 0)), ended: make(chan error)}
	h.Host = NewHost(HostConfig{Log: slog.New(slog.NewTextHandler(&h.log, nil)), Tracking: step})
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() {
		var err error
		h.left, err = h.Run(ctx)
		h.ended <- err
	}()
	end = sync.OnceFunc(func() {
		check(t, <-h.ended)
		check(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0))
	})
	t.Cleanup(func() {
		cancel()
		end()
		check(t, errors.Join(h.null.Close(), h.dir.Close()))
	})
	return h, end
}

// hostedService is a service of a hosted one.
type hostedService struct {
	name  string
	claim *control.Claim
	pipe  *control.Pipe
	kept  *shelf
	up    chan Report
}

// add adds a service that runs a script, before which some paths are to be cleaned.
func (h *hosted) add(name, script string, clean ...string) (*hostedService, error) {
	v := &hostedService{name: name, claim: must(h.dir.Claim(name)), kept: &shelf{}, up: make(chan Report, 1)}
	v.pipe = must(v.claim.OpenPipe())
	pidfile := ""
	if strings.HasSuffix(name, "0") { // not all: there are 128 inotify descriptors for all processes of a user
		pidfile = filepath.Join(h.at, name+".daemon.pid")
	}
	return v, h.Add(Config{
		Spec:    service.Spec{Name: name, StopTimeout: patient},
		Program: Program{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ(), Files: [3]*os.File{h.null, h.null, h.null}, Clean: clean},
		Pidfile: pidfile, Control: must(v.claim.Listen()), History: must(v.claim.History()),
		ID: v.claim.ID(), State: v.claim, Output: Output{Pipe: v.pipe, Sink: v.kept}, Log: h.config.Log,
		Report: func(r Report) { v.up <- r },
	})
}

// release gives back what is a caller's of a service that is removed.
func (v *hostedService) release(r Result) error {
	return errors.Join(v.pipe.Close(), v.claim.Release(r.Last))
}

// onLoop does something on the loop's thread.
func (h *hosted) onLoop(do func()) {
	done := make(chan struct{})
	h.mail.post(func() { do(); close(done) })
	<-done
}

// inside returns how much is kept of services and processes, once no errand is under way.
func (h *hosted) inside() (s string) {
	eventually(h.t, "no errand is under way", func() (idle bool) {
		h.onLoop(func() { idle = h.errands.idle() })
		return idle
	})
	h.onLoop(func() {
		dead, untold, others := h.table.Counts()
		s = fmt.Sprintf("%d services, %d slots, %d processes, %d dead, %d untold, %d others, %d kills, %d marks, calm %v",
			len(h.units), len(h.loop.slots), h.table.Len(), dead, untold, others, len(h.kills), len(h.recall.marks)+len(h.recall.args), h.table.IsCalm())
		if k, is := h.ladder.step.(*kernelTracked); is {
			s += fmt.Sprintf(", %d in the kernel's set, %d put there", len(must(k.set.Births())), len(k.added))
		}
	})
	return s
}

// stock is what the process has, when the loop reads no folder of /proc and no errand is under way.
func (h *hosted) stock() (s stock) {
	h.inside()
	h.onLoop(func() { s = takeStock() })
	return s
}

// What a service of these tests runs: a program that stays, one that goes to the background, and one
// that has children, one of them in a session of its own.
var shapes = []string{
	"echo hello; exec sleep 1000",
	"echo hello; sleep 1000 &",
	"echo hello; sleep 1000 & setsid sleep 1000 & exec sleep 1000",
}

// comeAndGo has some services be added at once, come up, and be removed at once.
func (h *hosted) comeAndGo(names ...string) {
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { h.t.Run(name, func(t *testing.T) { h.comesAndGoes(t, name, shapes[i%len(shapes)]) }) })
	}
	all.Wait()
}

func (h *hosted) comesAndGoes(t *testing.T, name, script string) {
	v, err := h.add(name, script)
	check(t, err)
	r := <-v.up
	st, _, err := h.dir.Status(name)
	if err != nil || r.PID == 0 || st.MainPID == 0 || st.State != "running" {
		t.Errorf("came up as %+v; status %+v, %v", r, st, err)
	}
	h.onLoop(func() { runtime.AddCleanup(h.find(name), func(*hosted) { h.freed.Add(1) }, h) })
	end, err := h.Remove(context.Background(), name)
	check(t, err)
	if end.Status != 0 || end.Last.State != "stopped" || !v.kept.closed || !slices.Equal(v.kept.lines, []string{"hello"}) {
		t.Errorf("removed as %+v, its output is %q (closed: %v)", end, v.kept.lines, v.kept.closed)
	}
	for _, pid := range st.PIDs {
		if !host.isGone(pid) {
			t.Errorf("pid %d is left", pid)
		}
	}
	if events := must(h.dir.History(name)); len(events) == 0 || events[len(events)-1].What != string(service.NoteStopped) {
		t.Errorf("its history is %+v", events)
	}
	check(t, v.release(end))
}

// A thousand services come and go in one host, fifty at a time: nothing is left of them.
func TestServicesComeAndGo(t *testing.T) {
	for step, batches := range map[Tracking]int{TrackBest: 20, TrackSocketFilter: 2, TrackEvents: 2, TrackScan: 2} {
		t.Run(step.String(), func(t *testing.T) { testServicesComeAndGo(t, step, batches) })
	}
}

func testServicesComeAndGo(t *testing.T, step Tracking, batches int) {
	if step == TrackSocketFilter || step == TrackEvents {
		conn, err := dialConnector()
		if err != nil {
			unmet(t, err)
		}
		check(t, conn.Close())
	}
	h, end := hostHere(t, step)
	const atOnce = 50
	h.comeAndGo("first")
	inside := h.inside()
	stock := h.stock()
	for i := range batches {
		var names []string
		for j := range atOnce {
			names = append(names, fmt.Sprintf("s%d.%d", i, j))
		}
		h.comeAndGo(names...)
		if now := h.inside(); now != inside {
			t.Fatalf("after %d services: %s; before %s", (i+1)*atOnce, now, inside)
		}
		eventually(t, "no descriptor, child or goroutine of theirs is left", func() bool {
			now := h.stock()
			return now.Descriptors == stock.Descriptors && now.Children == stock.Children && now.Goroutines <= stock.Goroutines
		})
	}
	eventually(t, "their memory is given back", func() bool {
		runtime.GC()
		return h.freed.Load() >= int64(batches*atOnce)
	})
	h.cancel()
	end()
	for line := range strings.Lines(h.log.String()) {
		if !strings.Contains(line, "level=INFO") && !strings.Contains(line, errHangs.Error()) { // there is one thread for all their files
			t.Error(line)
		}
	}
}

// What is asked for and can't be had is said, and what was handed over for it is closed.
func TestServicesAreRefused(t *testing.T) {
	h, end := hostHere(t, TrackBest)
	x, err := h.add("x", "exec sleep 1000")
	check(t, err)
	<-x.up
	before := descriptors("self")
	refused := func(want error) {
		t.Helper()
		r, w, err := os.Pipe()
		check(t, err)
		control := must(unix.Dup(int(w.Fd())))
		check(t, w.Close())
		err = h.Add(Config{Spec: service.Spec{Name: "x"}, Control: control, Log: h.config.Log})
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		_, err = r.Read(make([]byte, 1)) // ends when its other end is closed
		if !errors.Is(err, io.EOF) {
			t.Errorf("read: %v", err)
		}
		check(t, r.Close())
	}
	refused(ErrExists)
	if _, err := h.Remove(context.Background(), "y"); !errors.Is(err, ErrUnknown) {
		t.Errorf("%v", err)
	}
	if now := descriptors("self"); now != before {
		t.Errorf("open is %s; before %s", now, before)
	}
	h.cancel()
	end()
	refused(ErrEnded)
	if _, err := h.Remove(context.Background(), "x"); !errors.Is(err, ErrEnded) {
		t.Errorf("%v", err)
	}
	if len(h.left) != 1 || h.left[0].Last.Name != "x" || h.left[0].Last.State != "stopped" {
		t.Errorf("%+v", h.left)
	}
	check(t, x.release(h.left[0]))
}

// The end of Remove's context ends the wait, and not the removal. Two may wait for one.
func TestRemoveIsNotTakenBack(t *testing.T) {
	h, _ := hostHere(t, TrackBest)
	path, hear := fifo(t)
	check(t, unix.Mkfifo(path+"2", 0o600))
	x, err := h.add("x", fmt.Sprintf("trap 'echo asked >%[1]s; read -r word <%[1]s2; exit 0' TERM; echo ready >%[1]s; read -r word <%[1]s2", path))
	check(t, err)
	if word := hear(); word != "ready" {
		t.Fatal(word)
	}
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	go func() {
		_, err := h.Remove(ctx, "x")
		first <- err
	}()
	if word := hear(); word != "asked" {
		t.Fatal(word)
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	second := make(chan Result)
	go func() {
		r, err := h.Remove(context.Background(), "x")
		check(t, err)
		second <- r
	}()
	if err := h.Add(Config{Spec: service.Spec{Name: "x"}, Control: -1, Log: h.config.Log}); !errors.Is(err, ErrExists) {
		t.Errorf("added beside itself: %v", err)
	}
	check(t, os.WriteFile(path+"2", []byte("end\n"), 0))
	r := <-second
	if r.Last.State != "stopped" {
		t.Errorf("%+v", r)
	}
	check(t, x.release(r))
	again, err := h.add("x", "exec sleep 1000") // its name is free
	check(t, err)
	<-again.up
	r, err = h.Remove(context.Background(), "x")
	check(t, errors.Join(err, again.release(r)))
}

// The end of the context ends all services and then the host, and so does TERM. A host without a
// service goes on till then.
func TestHostEnds(t *testing.T) {
	for name, ask := range map[string]func(cancel func()){
		"by its context": func(cancel func()) { cancel() },
		"by TERM":        func(func()) { check(t, unix.Kill(os.Getpid(), unix.SIGTERM)) },
	} {
		t.Run(name, func(t *testing.T) {
			h, end := hostHere(t, TrackBest)
			h.comeAndGo("gone")
			var all []*hostedService
			for i, script := range shapes {
				v, err := h.add(fmt.Sprint("s", i), script)
				check(t, err)
				<-v.up
				all = append(all, v)
			}
			st, _, err := h.dir.Status("s2")
			check(t, err)
			ask(h.cancel)
			end()
			for i, v := range all {
				if r := h.left[i]; r.Status != 0 || r.Last.Name != v.name || r.Last.State != "stopped" || r.Last.LastExit.Signal != 15 {
					t.Errorf("%s: %+v", v.name, r.Last)
				}
				check(t, v.release(h.left[i]))
			}
			for _, pid := range st.PIDs {
				if !host.isGone(pid) {
					t.Errorf("pid %d is left", pid)
				}
			}
		})
	}
}

// A service whose start takes long holds up no other one: while a path that it wants to be cleaned is on
// a disk that hangs, other services daemonize, are killed, and come back. In 20 rounds of 10 it is
// known of each which processes it has.
func TestSlowStartBesideOthers(t *testing.T) {
	for step, rounds := range map[Tracking]int{TrackBest: 20} {
		t.Run(step.String(), func(t *testing.T) {
			dir, disk := mountDisk(t)
			h, _ := hostHere(t, step)
			t.Cleanup(disk.Thaw)
			h.comeAndGo("first") // from now on a child is not taken for that of the only service
			for range rounds {
				disk.Hang(fuse.All)
				slow, err := h.add("slow", "exec sleep 1000", filepath.Join(dir, "socket"))
				check(t, err)
				<-disk.Unanswered
				_, err = syscall.ForkExec("/bin/true", []string{"true"}, nil) // a child of no service ends meanwhile
				check(t, err)
				var all sync.WaitGroup
				for i := range 10 {
					all.Go(func() { h.daemonizes(t, fmt.Sprintf("daemon%d", i), slow) })
				}
				all.Wait()
				disk.Thaw()
				if r := <-slow.up; r.PID == 0 {
					t.Errorf("the slow one: %+v", r)
				}
				r, err := h.Remove(context.Background(), slow.name)
				check(t, errors.Join(err, slow.release(r)))
			}
		})
	}
}

// daemonizes adds a daemon, crashes it and removes it, while another service's start is under way.
func (h *hosted) daemonizes(t *testing.T, name string, slow *hostedService) {
	path, hear := fifo(t)
	v, err := h.add(name, fmt.Sprintf("setsid sh -c 'sleep 1000 & echo $$ $! >%s; exec sleep 1000' & exit 0", path))
	if err != nil {
		t.Error(err)
		return
	}
	for restarts := range 2 {
		var main, child int
		_, _ = fmt.Sscan(hear(), &main, &child)
		want := []int{main, child}
		slices.Sort(want)
		eventually(t, name+" is followed", func() bool {
			st, _, err := h.dir.Status(name)
			return err == nil && st.State == "running" && st.MainPID == main && slices.Equal(st.PIDs, want) && st.Restarts == restarts
		})
		if restarts == 0 {
			check(t, unix.Kill(main, unix.SIGKILL))
		}
	}
	if r := <-v.up; r.PID == 0 || len(slow.up) > 0 {
		t.Errorf("%s came up as %+v; the slow one had come up: %v", name, r, len(slow.up) > 0)
	}
	r, err := h.Remove(context.Background(), name)
	if err = errors.Join(err, v.release(r)); err != nil {
		t.Error(err)
	}
}
