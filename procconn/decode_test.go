package procconn_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"respawner/procconn"
	"respawner/procconn/procconntest"
)

// recorded has frames of a real kernel (Linux 6.18, little-endian), one a line: its name, its bytes in hexadecimal,
// and the event as %+v has it.
const recorded = "testdata/frames.txt"

type recording struct {
	name  string
	frame []byte
	event string
}

func recordings(t testing.TB) (all []recording) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the recorded frames are little-endian")
	}
	text, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), " ", 3)
		frame, err := hex.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, recording{parts[0], frame, parts[2]})
	}
	return all
}

func TestDecodeRecorded(t *testing.T) {
	for _, r := range recordings(t) {
		t.Run(r.name, func(t *testing.T) {
			ev, err := procconn.Decode(r.frame)
			if isAck := r.name == "ack"; isAck != errors.Is(err, procconn.ErrUnknown) || !isAck && err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%+v", ev); got != r.event {
				t.Errorf("%s\nwant %s", got, r.event)
			}
			name, isThread := strings.CutSuffix(r.name, "-thread")
			if err == nil && (ev.Kind.String() != name || ev.IsThread() != isThread) {
				t.Errorf("%v, thread %v", ev.Kind, ev.IsThread())
			}
		})
	}
}

// TestFrameRecorded: the fake kernel's frames are those of the real one, to the last byte.
func TestFrameRecorded(t *testing.T) {
	for _, r := range recordings(t) {
		ev, err := procconn.Decode(r.frame)
		if err != nil {
			continue
		}
		if got := procconntest.Frame(ev, binary.NativeEndian.Uint32(r.frame[8:])); !bytes.Equal(got, r.frame) {
			t.Errorf("%s\n%x, the kernel has\n%x", r.name, got, r.frame)
		}
	}
}

func TestDecodeTruncated(t *testing.T) {
	for _, r := range recordings(t) {
		for n := range r.frame {
			if _, err := procconn.Decode(r.frame[:n]); !errors.Is(err, procconn.ErrMalformed) {
				t.Fatalf("%s cut to %d bytes: %v", r.name, n, err)
			}
		}
	}
}

func TestDecodeGarbled(t *testing.T) {
	put16 := func(at int, v uint16) func([]byte) {
		return func(b []byte) { binary.NativeEndian.PutUint16(b[at:], v) }
	}
	put32 := func(at int, v uint32) func([]byte) {
		return func(b []byte) { binary.NativeEndian.PutUint32(b[at:], v) }
	}
	for _, tt := range []struct {
		name   string
		garble func([]byte)
		want   error
	}{
		{"as it is", func([]byte) {}, nil},
		{"longer than it is", put32(0, 77), procconn.ErrMalformed},
		{"length 0", put32(0, 0), procconn.ErrMalformed},
		{"length of a header", put32(0, 16), procconn.ErrMalformed},
		{"huge length", put32(0, 1<<32-1), procconn.ErrMalformed},
		{"NLMSG_ERROR", put16(4, 2), procconn.ErrMalformed},
		{"other index", put32(16, 2), procconn.ErrMalformed},
		{"other value", put32(20, 2), procconn.ErrMalformed},
		{"no event", put16(32, 0), procconn.ErrMalformed},
		{"half an event", put16(32, 39), procconn.ErrMalformed},
		{"an event too long", put16(32, 41), procconn.ErrMalformed},
		{"huge event", put16(32, 1<<16-1), procconn.ErrMalformed},
		{"acknowledgement", put32(36, 0), procconn.ErrUnknown},
		{"two kinds", put32(36, 3), procconn.ErrUnknown},
		{"new kind", put32(36, 0x400), procconn.ErrUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			frame := procconntest.Frame(procconn.Event{Kind: procconn.Fork, PID: 1, TGID: 1}, 1)
			tt.garble(frame)
			ev, err := procconn.Decode(frame)
			if !errors.Is(err, tt.want) || err != nil && ev != (procconn.Event{}) {
				t.Errorf("%+v, %v", ev, err)
			}
		})
	}
}

func TestDecodeIgnoresWhatFollows(t *testing.T) {
	want := procconn.Event{Kind: procconn.Exec, CPU: 1, Time: 5, PID: 7, TGID: 6}
	ev, err := procconn.Decode(append(procconntest.Frame(want, 1), "rest"...))
	if err != nil || ev != want {
		t.Errorf("%+v, %v", ev, err)
	}
}

func TestKindString(t *testing.T) {
	for kind, want := range map[procconn.Kind]string{
		procconn.Fork: "fork", procconn.Exec: "exec", procconn.UID: "uid", procconn.GID: "gid", procconn.SID: "sid",
		procconn.Ptrace: "ptrace", procconn.Comm: "comm", procconn.Coredump: "coredump", procconn.Exit: "exit",
		0: "kind(0x0)", 0x400: "kind(0x400)",
	} {
		if got := kind.String(); got != want {
			t.Errorf("%#x is %q, want %q", uint32(kind), got, want)
		}
	}
}

func TestName(t *testing.T) {
	for _, name := range []string{"", "sh", "fifteen letters"} {
		var ev procconn.Event
		copy(ev.Comm[:], name)
		if got := ev.Name(); got != name {
			t.Errorf("%q, want %q", got, name)
		}
	}
	full := procconn.Event{Comm: [16]byte([]byte("sixteen letters!"))} // the kernel always has a zero
	if got := full.Name(); got != "sixteen letters!" {
		t.Errorf("%q", got)
	}
}

// FuzzDecode: Decode never panics, and what it makes of a frame survives being sent again.
func FuzzDecode(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.frame)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		ev, err := procconn.Decode(frame)
		if err != nil {
			if !errors.Is(err, procconn.ErrMalformed) && !errors.Is(err, procconn.ErrUnknown) {
				t.Error(err)
			}
			return
		}
		if again, err := procconn.Decode(procconntest.Frame(ev, 1)); err != nil || again != ev {
			t.Errorf("%+v became %+v, %v", ev, again, err)
		}
	})
}
