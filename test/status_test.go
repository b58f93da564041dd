//go:build linux

package test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Status works for every kind of service, in words and in JSON.
func TestStatusRunning(t *testing.T) {
	t.Parallel()
	s := newShape(t, "helper-child")
	st := s.start("--follow-forks", "-n", "7")
	helper := s.truth("helper", 1)
	if !slices.Equal(st.PIDs, []int{st.MainPID, helper}) {
		t.Errorf("pids %v, not main %d and its child %d", st.PIDs, st.MainPID, helper)
	}
	if st.Follow != "on" || !st.Followed || st.RespawnLimit != 7 || st.Restarts != 0 {
		t.Errorf("status: %+v", st)
	}
	if st.LastExit != nil {
		t.Errorf("it has not ended yet, only its starter: %+v", st.LastExit)
	}
	words := s.tell("status").stdout
	for _, word := range []string{"running", strconv.Itoa(st.MainPID), strconv.Itoa(helper), "restarts", st.Tracking} {
		if !strings.Contains(words, word) {
			t.Errorf("status does not speak of %q:\n%s", word, words)
		}
	}
	s.stop()
}

func TestStatusFollow(t *testing.T) {
	for option, want := range map[string]string{"--follow-forks": "on", "--no-follow-forks": "off", "-n=0": "auto"} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			if st := s.start(option); st.Follow != want || st.Followed {
				t.Errorf("%s: %+v", option, st)
			}
			s.stop()
		})
	}
}

// Before the first start, and of an unknown name: not running.
func TestStatusUnknown(t *testing.T) {
	t.Parallel()
	s := newService(t, "never-heard-of")
	if st := s.mustNotRun("stopped"); st.SupervisorPID != 0 || len(st.PIDs) != 0 || st.LastExit != nil {
		t.Errorf("status: %+v", st)
	}
	if exists(s.runtime) {
		t.Error("to ask for the status has made the runtime directory")
	}
}

func TestStatusInBackoff(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	st := s.start("-t", "1m30s")
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	now := s.mustNotRun("backoff")
	if now.NextStart == nil || now.LastExit == nil {
		t.Fatalf("status: %+v", now)
	}
	if wait := now.NextStart.Sub(now.LastExit.At).Round(time.Second); wait != 90*time.Second {
		t.Errorf("the next start is %v after the crash, not 1m30s", wait)
	}
	if now.SupervisorPID != st.SupervisorPID || len(now.PIDs) != 0 || now.LastExit.Signal != 9 {
		t.Errorf("status: %+v, last exit %+v", now, now.LastExit)
	}
	s.stop()
}

// Several names are answered by an array, one alone by an object.
func TestStatusOfSeveral(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.name = "one"
	st := s.start()
	r := call(t, "status", "--json", "--runtime-dir", s.runtime, "one", "other")
	var all []status
	if err := json.Unmarshal([]byte(r.stdout), &all); err != nil || len(all) != 2 {
		t.Fatalf("status of two: %v\n%v", err, r)
	}
	if all[0].Name != "one" || all[0].MainPID != st.MainPID || all[1].Name != "other" || all[1].State != "stopped" {
		t.Errorf("status of two: %+v", all)
	}
	if r.code != 3 {
		t.Errorf("one of them is not running, but: %v", r)
	}
	s.stop()
}

// Two instances of one program, by name.
func TestNames(t *testing.T) {
	t.Parallel()
	a, b := newShape(t, "foreground"), newShape(t, "foreground")
	a.name, b.name, b.runtime = "a", "b", a.runtime
	first, second := a.start(), b.start()
	if first.SupervisorPID == second.SupervisorPID || first.MainPID == second.MainPID {
		t.Errorf("a: %+v\nb: %+v", first, second)
	}
	if r := a.tell("stop"); r.code != 0 {
		t.Errorf("stop a: %v", r)
	}
	a.mustNotRun("stopped")
	b.mustRun()
	b.stop()
}

// Without a name it tells of all services.
func TestStatusOfAll(t *testing.T) {
	t.Parallel()
	a := newShape(t, "foreground")
	a.name = "a"
	b := a.beside("b")
	all := func() result { return call(t, "status", "--runtime-dir", a.runtime) }
	if r := all(); r.code != 3 || r.stdout != "" || !strings.Contains(r.stderr, "no service") {
		t.Errorf("before any: %v", r)
	}
	a.start()
	b.start()
	if r := all(); r.code != 0 || strings.Count(r.stdout, "process is running\n") != 2 {
		t.Errorf("two: %v", r)
	}
	if r := b.tell("stop"); r.code != 0 {
		t.Errorf("stop: %v", r)
	}
	r := call(t, "status", "--json", "--runtime-dir", a.runtime)
	var got []status
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 3 || len(got) != 2 || got[0].State != "running" || got[1].State != "stopped" {
		t.Errorf("one of them has stopped: %v, %v", r, err)
	}
	a.stop()
}
