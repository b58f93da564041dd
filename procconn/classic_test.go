package procconn_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/net/bpf"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// self is the process whose Comm events the tests of the classic program want.
const self = 77

// filterCases are events, and whether a filter for the processes 10 and 20 of the process self passes them. The classic one
// and that of a Set agree.
var filterCases = []struct {
	name   string
	ev     procconn.Event
	passes bool
}{
	{"child", fork4(10, 10, 30, 30), true},
	{"child of a thread", fork4(11, 10, 30, 30), true},
	{"child of the other", fork4(20, 20, 31, 31), true},
	{"thread", fork4(10, 10, 12, 10), false},
	{"child of a stranger", fork4(1, 1, 32, 32), false},
	{"thread of a stranger", fork4(1, 1, 10, 1), false},
	{"child of a stranger that is a thread of that number", fork4(10, 1, 33, 33), false},
	{"a known pid given away", fork4(1, 1, 20, 20), true},
	{"exec", procconn.Event{Kind: procconn.Exec, PID: 10, TGID: 10}, true},
	{"exec of a stranger", procconn.Event{Kind: procconn.Exec, PID: 1, TGID: 1}, false},
	{"exit", procconn.Event{Kind: procconn.Exit, PID: 10, TGID: 10}, true},
	{"exit of a thread", procconn.Event{Kind: procconn.Exit, PID: 11, TGID: 10}, false},
	{"exit of a stranger", procconn.Event{Kind: procconn.Exit, PID: 1, TGID: 1, ParentPID: 10, ParentTGID: 10}, false},
	{"own name", procconn.Event{Kind: procconn.Comm, PID: self + 1, TGID: self}, true},
	{"another's name", procconn.Event{Kind: procconn.Comm, PID: 10, TGID: 10}, false},
	{"session", procconn.Event{Kind: procconn.SID, PID: 10, TGID: 10}, false},
	{"user", procconn.Event{Kind: procconn.UID, PID: 10, TGID: 10}, false},
	{"group", procconn.Event{Kind: procconn.GID, PID: 10, TGID: 10}, false},
	{"tracer", procconn.Event{Kind: procconn.Ptrace, PID: 10, TGID: 10}, false},
	{"core dump", procconn.Event{Kind: procconn.Coredump, PID: 10, TGID: 10}, false},
	{"acknowledgement", procconn.Event{PID: 10, TGID: 10}, false},
	{"unknown kind", procconn.Event{Kind: 0x400, PID: 10, TGID: 10}, false},
}

// fork4 is a Fork by its four numbers, in the kernel's order.
func fork4(parentPID, parentTGID, pid, tgid int) procconn.Event {
	return procconn.Event{Kind: procconn.Fork, ParentPID: parentPID, ParentTGID: parentTGID, PID: pid, TGID: tgid}
}

// passes runs the classic program on a frame, in an interpreter.
func passes(t *testing.T, program []bpf.Instruction, frame []byte) bool {
	t.Helper()
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	n, err := vm.Run(frame)
	if err != nil {
		t.Fatal(err)
	}
	if n != 0 && n < len(frame) {
		t.Errorf("cut to %d bytes", n)
	}
	return n != 0
}

func TestClassicFilter(t *testing.T) {
	program := procconn.ClassicFilter([]int{20, 10}, self)
	for _, tt := range filterCases {
		t.Run(tt.name, func(t *testing.T) {
			frame := procconntest.Frame(tt.ev, 1)
			if got := passes(t, program, frame); got != tt.passes {
				t.Errorf("passes: %v", got)
			}
			if passes(t, program, frame[:40]) {
				t.Error("passes when cut short")
			}
		})
	}
}

// TestClassicFilterCoarse: too many processes.
func TestClassicFilterCoarse(t *testing.T) {
	pids := make([]int, procconn.FilterLimit+1)
	for i := range pids {
		pids[i] = 10 + i
	}
	program := procconn.ClassicFilter(pids, self)
	for _, tt := range filterCases {
		isCoarse := slices.Contains([]procconn.Kind{procconn.Fork, procconn.Exec, procconn.Exit}, tt.ev.Kind)
		want := tt.passes || isCoarse && !tt.ev.IsThread()
		if got := passes(t, program, procconntest.Frame(tt.ev, 1)); got != want {
			t.Errorf("%s passes: %v", tt.name, got)
		}
	}
}

// TestClassicFilterModel compares the program with a plain loop, for lists of every length.
func TestClassicFilterModel(t *testing.T) {
	for n := range procconn.FilterLimit + 1 {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		span := 1 + random.IntN(4*n+4)
		base := random.IntN(1<<22 - span)
		pids := make([]int, n) // with repetitions
		for i := range pids {
			pids[i] = base + random.IntN(span)
		}
		program := procconn.ClassicFilter(pids, self)
		if raw, err := bpf.Assemble(program); err != nil || len(raw) > 1200 {
			t.Fatalf("%d pids: %d instructions, %v", n, len(raw), err)
		}
		for range 100 {
			ev := randomEvent(random, func() int { return base + random.IntN(span) })
			want := classicModel(pids, ev)
			if got := passes(t, program, procconntest.Frame(ev, 1)); got != want {
				t.Fatalf("%d pids, %+v passes: %v", n, ev, got)
			}
		}
	}
}

func classicModel(pids []int, ev procconn.Event) bool {
	switch ev.Kind {
	case procconn.Fork:
		return !ev.IsThread() && (slices.Contains(pids, ev.ParentTGID) || slices.Contains(pids, ev.TGID))
	case procconn.Exec, procconn.Exit:
		return !ev.IsThread() && slices.Contains(pids, ev.TGID)
	case procconn.Comm:
		return ev.TGID == self
	}
	return false
}

// randomEvent is an event of any kind, most often a Fork, about processes that pid chooses.
func randomEvent(random *rand.Rand, pid func() int) procconn.Event {
	kinds := []procconn.Kind{procconn.Fork, procconn.Fork, procconn.Fork, procconn.Exec, procconn.Exit, procconn.Comm,
		procconn.SID, procconn.UID}
	ev := procconn.Event{Kind: kinds[random.IntN(len(kinds))], TGID: pid()}
	ev.PID = ev.TGID
	if random.IntN(4) == 0 {
		ev.PID = pid() // a thread
	}
	if ev.Kind == procconn.Fork {
		ev.ParentPID, ev.ParentTGID = pid(), pid()
	}
	return ev
}

// wordsOf reads a frame as the filters do: by the kind, and nothing but the words that it has. Those beyond the end of the
// frame are missing; ok tells that none was.
func wordsOf(frame []byte) (ev procconn.Event, ok bool) {
	const eventAt = 36
	ok = true
	word := func(at int) int {
		if len(frame) < eventAt+at+4 {
			ok = false
			return 0
		}
		return int(binary.NativeEndian.Uint32(frame[eventAt+at:]))
	}
	ev.Kind = procconn.Kind(word(0))
	switch ev.Kind {
	case procconn.Fork:
		ev.PID, ev.TGID, ev.ParentTGID = word(24), word(28), word(20)
	case procconn.Exec, procconn.Exit:
		ev.PID, ev.TGID = word(16), word(20)
	case procconn.Comm:
		ev.TGID = word(20)
	}
	return ev, ok
}

// FuzzClassicFilter: whatever a frame has in it, and whichever processes are listed, the program does what a plain loop does, and drops
// what is too short to tell.
func FuzzClassicFilter(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.frame[56:60], uint16(0), r.frame) // the tgid, or the parent's
		f.Add(r.frame[64:68], uint16(17), r.frame)
		f.Add([]byte{}, uint16(procconn.FilterLimit), r.frame[:59])
		f.Add([]byte{}, uint16(procconn.FilterLimit+1), r.frame)
	}
	f.Fuzz(func(t *testing.T, list []byte, more uint16, frame []byte) {
		var pids []int
		for ; len(list) >= 4 && len(pids) <= procconn.FilterLimit; list = list[4:] {
			pids = append(pids, int(binary.NativeEndian.Uint32(list)))
		}
		for pid := range int(more % (2 * procconn.FilterLimit)) {
			pids = append(pids, pid)
		}
		ev, whole := wordsOf(frame)
		want := whole && classicModel(pids, ev)
		if coarse := len(pids) > procconn.FilterLimit; coarse && whole && ev.Kind != procconn.Comm {
			want = classicModel([]int{ev.TGID}, ev)
		}
		if got := passes(t, procconn.ClassicFilter(pids, self), frame); got != want {
			t.Errorf("%d pids, %+v of %x passes: %v", len(pids), ev, frame, got)
		}
	})
}
