//go:build linux

package test

import (
	"encoding/json"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The clock is set while no supervisor lives: the one that takes the service
// over starts it when the delay is over, no hour sooner or later.
//
// These tests don't set the machine's clock, they set what was written down by it.
// Those of fault_setclock_test.go do, where the machine is their own.
func TestClockIsSet(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": time.Hour, "back": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			st := s.start("-t", "300")
			kill(t, st.MainPID, unix.SIGKILL)
			crashed := time.Now()
			s.waitState("backoff")
			kill(t, st.SupervisorPID, unix.SIGKILL)
			setBack(t, s.stateFile().path, by)
			if r := s.tell("adopt"); r.code != 0 {
				t.Fatalf("adopt: %v", r)
			}
			for _, change := range []func(){func() {}, s.upgrade} {
				change()
				now := s.waitState("backoff")
				if wait := now.NextStart.Sub(crashed); wait < 290*time.Second || wait > 330*time.Second {
					t.Errorf("the next start is %v after the crash", wait)
				}
			}
			s.starts(1)
			s.stop()
		})
	}
}

// setBack has a state file say what it would if the clock had been set by so
// much since it was written.
func setBack(t *testing.T, path string, by time.Duration) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var state map[string]any
	if err := json.Unmarshal(b, &state); err != nil {
		t.Fatal(err)
	}
	clock, ok := state["clock"].(float64)
	if !ok {
		t.Fatalf("no clock in %s", b)
	}
	state["clock"] = int64(clock) - int64(by)
	if b, err = json.Marshal(earlier(state, by)); err != nil {
		t.Fatal(err)
	}
	writeFile(t, path, string(b), 0o600)
}

// earlier is a value with all times in it that much earlier.
func earlier(value any, by time.Duration) any {
	switch v := value.(type) {
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil && !at.IsZero() {
			return at.Add(-by).Format(time.RFC3339Nano)
		}
	case map[string]any:
		for key := range v {
			v[key] = earlier(v[key], by)
		}
	case []any:
		for i := range v {
			v[i] = earlier(v[i], by)
		}
	}
	return value
}
