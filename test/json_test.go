//go:build linux

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"

	"golang.org/x/sys/unix"
)

// decoded is what a command has printed as JSON.
func decoded[T any](t *testing.T, r result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.stdout), &v); err != nil {
		t.Fatalf("%v: %v", err, r)
	}
	return v
}

// fields is an answer, field by field.
type fields = map[string]any

// has asserts some of the fields of an answer.
func (s *service) has(answer, want fields) {
	s.t.Helper()
	for field, value := range want {
		if got, there := answer[field]; !there || !reflect.DeepEqual(got, value) {
			s.t.Errorf("%s: %v, not %v", field, got, value)
		}
	}
}

// In JSON there is null where there is nothing: of a service that was never started, that
// runs for the first time, that was killed, and that was stopped. A signal has its name.
func TestJSONHasNullForNothing(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.folder = tempDir(t)
	ask := func() fields { return decoded[fields](t, s.tell("status", "--json")) }
	s.has(ask(), fields{
		"name": "shape", "state": "stopped", "since": nil, "main_pid": nil, "supervisor_pid": nil, "version": nil, "command": nil, "folder": nil,
		"respawn_limit": nil, "next_start": nil, "kill_at": nil, "stuck": nil, "pids": []any{}, "processes": []any{}, "follow": nil,
		"tracking": nil, "tracking_reason": nil, "last_exit": nil, "said": nil, "output": nil, "cpu_seconds": nil, "memory_bytes": nil,
	})
	st := s.start("-t", "300", "-n", "3")
	command := []any{shape, "foreground", s.journal.path}
	running := ask()
	s.has(running, fields{
		"command": command, "folder": s.folder, "respawn_limit": 3.0, "last_exit": nil, "message": nil, "next_start": nil, "main_pid": float64(st.MainPID),
	})
	main := running["processes"].([]any)[0].(fields)
	s.has(main, fields{"role": "main", "command_line": fmt.Sprintf("%s foreground %s", shape, s.journal.path)})
	for _, used := range []fields{running, main} {
		if memory, ok := used["memory_bytes"].(float64); !ok || memory < 4096 {
			t.Errorf("memory: %v", used)
		}
		if cpu, ok := used["cpu_seconds"].(float64); !ok || cpu < 0 || cpu > 60 {
			t.Errorf("processor time: %v", used)
		}
	}
	kill(t, st.MainPID, unix.SIGKILL)
	s.waitState("backoff")
	crashed := ask()
	s.has(crashed, fields{"main_pid": nil, "processes": []any{}, "cpu_seconds": nil, "memory_bytes": nil, "command": command})
	s.has(crashed["last_exit"].(fields), fields{"pid": float64(st.MainPID), "code": nil, "signal": 9.0, "signal_name": "SIGKILL", "core": false})
	if crashed["next_start"] == nil {
		t.Errorf("in backoff: %v", crashed)
	}
	s.stop()
	s.has(ask(), fields{"supervisor_pid": nil, "next_start": nil, "command": command, "folder": s.folder})
	st = s.start()
	kill(t, st.SupervisorPID, unix.SIGKILL)
	waitDead(t, st.SupervisorPID)
	orphan := decoded[fields](t, s.tell("status", "--json"))
	s.has(orphan, fields{"state": "orphaned", "supervisor_pid": nil, "command": command, "folder": s.folder})
	s.quietStop()
}

// The processor time of a service is that of its processes.
func TestJSONHasProcessorTime(t *testing.T) {
	t.Parallel()
	s := newShell(t, `while :; do :; done`)
	s.start()
	eventually(t, "processor time to be used", func() bool {
		return decoded[fields](t, s.tell("status", "--json"))["cpu_seconds"].(float64) > 0.1
	})
	s.stop()
}

// A process that exited has an exit status and no signal.
func TestJSONOfExit(t *testing.T) {
	t.Parallel()
	s := newShell(t, `trap "exit 3" USR1; echo up; while :; do sleep 300 & wait $!; kill $!; done`)
	output := textFile{t, s.dir + "/output"}
	st := s.start("-t", "300", "--output", output.path)
	output.waitFor("up$", 1)
	kill(t, st.MainPID, unix.SIGUSR1)
	s.waitState("backoff")
	exit := decoded[fields](t, s.tell("status", "--json"))["last_exit"].(fields)
	s.has(exit, fields{"code": 3.0, "signal": nil, "signal_name": nil, "core": false})
	s.stop()
}

// The shape of an answer hangs on the command line alone, not on how many services there
// are: an object for one NAME, else an array. Each answer is one that docs/schema.json
// describes (see finish).
func TestJSONShapes(t *testing.T) {
	t.Parallel()
	s, _ := newListener(t)
	s.start()
	in := func(words ...string) result {
		return call(t, append([]string{"--runtime-dir", s.runtime, "--json"}, words...)...)
	}
	for _, words := range [][]string{
		{"status", "listener"}, {"restart", "listener"}, {"wait", "listener"}, {"reset", "listener"}, {"reopen", "listener"},
		{"reload", "listener", "--force"}, {"signal", "USR1", "listener"},
	} {
		r := in(words...)
		if s.has(decoded[fields](t, r), fields{"name": "listener", "state": "running"}); r.code != 0 {
			t.Errorf("%q: %v", words, r)
		}
	}
	for _, words := range [][]string{
		{"list"}, {"status"}, {"status", "list*"}, {"wait", "*"}, {"reset", "listene?"}, {"restart", "listener*"}, {"status", "listener", "nosuch"},
	} {
		s.has(decoded[[]fields](t, in(words...))[0], fields{"name": "listener", "state": "running"})
	}
	for _, words := range [][]string{{"history", "listener"}, {"history", "*"}} {
		s.has(decoded[[]fields](t, in(words...))[0], fields{"name": "listener"})
	}
	if r := in("events", "listener"); r.code != 0 {
		t.Errorf("events: %v", r)
	}
	s.stop()
	if r := in("wait", "--for", "stopped", "listener"); decoded[fields](t, r)["state"] != "stopped" {
		t.Errorf("wait: %v", r)
	}
}

// What events -f prints is as docs/schema.json has it, too.
func TestJSONOfEventsFollowed(t *testing.T) {
	t.Parallel()
	s := newShape(t, "twins")
	s.start("-t", "0.1", "--follow-forks")
	r, out := s.follower("--json")
	kill(t, s.truth("second", 1), unix.SIGSEGV)
	s.log.waitFor(`restarted\(1/`, 1)
	s.waitState("running")
	s.quietStop()
	out.waitFor(`"stopped"`, 1)
	r.signal(unix.SIGINT)
	r.code()
	text, err := os.ReadFile(out.path)
	if err != nil || len(text) == 0 {
		t.Fatal(err)
	}
	validate(t, r.cmd, result{stdout: string(text)})
}
