package procconn_test

import (
	"encoding/binary"
	"errors"
	"maps"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// fewSize is the size of a set that is full soon.
const fewSize = 6

// setFuzz plays a script on a Set in the kernel and on a model of it.
type setFuzz struct {
	t      *testing.T
	script []byte
	conn   *procconn.Conn
	kernel *procconntest.Kernel
	set    *procconn.Set
	model  map[int]procconn.Birth
	lost   uint64
	time   time.Duration
}

func (z *setFuzz) take() (b byte) {
	if len(z.script) > 0 {
		b, z.script = z.script[0], z.script[1:]
	}
	return b
}

// pid is one of a few, so that many are given away.
func (z *setFuzz) pid() int { return 10 + int(z.take()%12) }

func (z *setFuzz) step() {
	switch op := z.take(); op % 8 {
	case 0:
		z.add(z.pid())
	case 1:
		z.forget(z.pid(), time.Duration(z.take()%2))
	case 2:
		frame := procconntest.Frame(z.event(), 1)
		z.send(frame[:1+int(z.take())%len(frame)])
	case 3:
		frame := procconntest.Frame(z.event(), 1)
		frame[int(z.take())%len(frame)] = z.take()
		z.send(frame)
	default:
		z.send(procconntest.Frame(z.event(), 1))
	}
}

func (z *setFuzz) event() procconn.Event {
	kinds := []procconn.Kind{
		procconn.Fork, procconn.Fork, procconn.Fork, procconn.Exec, procconn.Exit, procconn.Comm, procconn.SID, procconn.Coredump,
	}
	z.time += 5 << 32
	ev := procconn.Event{Kind: kinds[z.take()%8], Time: z.time, PID: z.pid(), TGID: z.pid()}
	if z.take()%4 != 0 {
		ev.PID = ev.TGID
	}
	if ev.Kind == procconn.Fork {
		ev.ParentPID, ev.ParentTGID = z.pid(), z.pid()
	}
	return ours(ev)
}

func (z *setFuzz) add(pid int) {
	_, known := z.model[pid]
	full := !known && len(z.model) == fewSize
	if err := z.set.Add(pid); errors.Is(err, unix.E2BIG) != full || err != nil && !full {
		z.t.Fatalf("add %d to %v: %v", pid, z.model, err)
	}
	if !known && !full {
		z.model[pid] = procconn.Birth{PID: pid}
	}
}

func (z *setFuzz) forget(pid int, off time.Duration) {
	if err := z.set.Forget(pid, z.model[pid].Time+off); err != nil {
		z.t.Fatal(err)
	}
	if off == 0 {
		delete(z.model, pid)
	}
}

// send has the filter see a frame, which need not be a whole one, nor make sense.
func (z *setFuzz) send(frame []byte) {
	before := z.conn.Skipped()
	z.kernel.SendRaw(frame)
	passed := len(drain(z.t, z.conn)) + int(z.conn.Skipped()-before)
	want := false
	if ev, _ := wordsOf(frame); len(frame) >= 76 {
		ev.Time = time.Duration(binary.NativeEndian.Uint64(frame[44:]))
		want = z.seen(ev)
	}
	if passed > 1 || (passed == 1) != want {
		z.t.Fatalf("%x with %v: %d passed", frame, z.model, passed)
	}
}

// seen is setModel for a set that may be full: a process that finds no room is counted, and passes.
func (z *setFuzz) seen(ev procconn.Event) bool {
	before := maps.Clone(z.model)
	passes := setModel(z.model, ev)
	if len(z.model) > fewSize {
		z.model = before
		z.lost++
	}
	return passes
}

// FuzzSet: whatever is added, forgotten and told, the filter in the kernel and its map are what the model is.
func FuzzSet(f *testing.F) {
	child := func(parent, pid byte) []byte { return []byte{4, 0, 0, pid, 1, 0, parent} }
	f.Add([]byte{0, 1, 4, 0, 2, 2, 1, 1, 1, 1, 2, 0})
	var many []byte
	for pid := range byte(9) {
		many = append(many, child(pid, pid+1)...)
	}
	f.Add(append([]byte{0, 0}, many...))
	f.Add(append([]byte{0, 0, 0, 1, 1, 1, 0, 3, 0, 0, 5, 1, 0, 0, 36, 9}, many...))
	f.Add([]byte{0, 3, 4, 5, 0, 3, 1, 4, 3, 0, 3, 1, 2, 0, 0, 5, 1, 3, 3, 75})
	f.Fuzz(func(t *testing.T, script []byte) {
		z := &setFuzz{t: t, script: script, model: map[int]procconn.Birth{}}
		z.conn, z.kernel = procconntest.New(t)
		defer z.conn.Close()
		var err error
		if z.set, err = z.conn.Track(fewSize); errors.Is(err, procconn.ErrNoBPF) {
			unmet(t, err)
		} else if err != nil {
			t.Fatal(err)
		}
		defer z.set.Close()
		drain(t, z.conn)
		for steps := 0; len(z.script) > 0 && steps < 200; steps++ {
			z.step()
			if got := births(t, z.set); !maps.Equal(got, z.model) {
				t.Fatalf("%v\nwant %v", got, z.model)
			}
		}
		if n := lost(t, z.set); n != z.lost {
			t.Errorf("%d lost, want %d", n, z.lost)
		}
	})
}
