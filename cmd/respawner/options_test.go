package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"respawner/watch/control"
)

// parse gives what a command would have been called with.
func parse(argv ...string) (got options, err error) {
	keep := func(o options) error { got = o; return nil }
	app := newApp(thatAll(keep))
	app.Writer, app.ErrWriter = io.Discard, io.Discard
	err = run(app, argv)
	return got, err
}

// thatAll are the commands, with something else for each to do.
func thatAll(do func(options) error) []command {
	all := commands()
	for i := range all {
		all[i].do = do
	}
	return all
}

// defaults are the options of "start x" in the runtime dir /d.
func defaults() options {
	return options{
		RespawnDelay: 5 * time.Second, StopTimeout: 10 * time.Second, ReloadSignal: syscall.SIGHUP, SuccessCodes: []int{0},
		Follow: followAuto, Log: logSyslog, RuntimeDir: "/d", PidDir: "/d",
		OutputDir: "/d/log", OutputSize: 10 << 20, OutputKeep: 5,
		Name: "x", Names: []string{"x"}, Program: "x",
	}
}

func TestOptions(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "/d")
	t.Chdir("/")
	bare := map[string]bool{"start x": true, "start x -D": true, "start x --runtime-dir r": true}
	tests := []struct {
		in   string
		want func(*options)
	}{
		{"start x", func(*options) {}},
		{"start /bin/x", func(o *options) { o.Program = "/bin/x" }},
		{"start x --", func(o *options) { o.Args = []string{} }},
		{"start x -- -D --", func(o *options) { o.Args = []string{"-D", "--"} }},
		{"start x -D", func(o *options) { o.Foreground = true; o.Log = logStderr }},
		{"start x --replace", func(o *options) { o.Replace = true }},
		{"start x -n 3", func(o *options) { o.RespawnLimit = 3 }},
		{"start x -n1 --respawn-limit=4", func(o *options) { o.RespawnLimit = 4 }},
		{"start x -n 1000000000", func(o *options) { o.RespawnLimit = 1e9 }},
		{"start x -t 0", func(o *options) { o.RespawnDelay = 0 }},
		{"start x -t 0.25", func(o *options) { o.RespawnDelay = 250 * time.Millisecond }},
		{"start x -t 1m30s", func(o *options) { o.RespawnDelay = 90 * time.Second }},
		{"start x -t 315360000", func(o *options) { o.RespawnDelay = maxWait }},
		{"start x --stop-timeout .5", func(o *options) { o.StopTimeout = 500 * time.Millisecond }},
		{"start x -e 1,0,1", func(o *options) { o.SuccessCodes = []int{0, 1} }},
		{"start x -e 255", func(o *options) { o.SuccessCodes = []int{255} }},
		{"start x --follow-forks", func(o *options) { o.Follow = followOn }},
		{"start x --no-follow-forks", func(o *options) { o.Follow = followOff }},
		{"start x -p /p", func(o *options) { o.Follow = followOn; o.Pidfile = "/p" }},
		{"start x --pidfile=p", func(o *options) { o.Follow = followOn; o.Pidfile = "/p" }},
		{"start x -p /p --no-follow-forks", func(o *options) { o.Follow = followOff; o.Pidfile = "/p" }},
		{"start x -p --name y", func(o *options) {
			o.Follow, o.Pidfile = followOn, filepath.Join(pidDir(), "y.pid")
			o.Name, o.Names = "y", []string{"y"}
		}},
		{"start x --clean a --clean=/b,c", func(o *options) { o.Clean = []string{"/a", "/b,c"} }},
		{"start x -D --log stderr", func(o *options) { o.Foreground, o.Log = true, logStderr }},
		{"start x -D --log syslog", func(o *options) { o.Foreground = true }},
		{"start x --log l.log", func(o *options) { o.Log = "/l.log" }},
		{"start x --runtime-dir r", func(o *options) { o.RuntimeDir, o.PidDir, o.OutputDir = "/r", "/r", "/r/log" }},
	}
	for _, tt := range tests {
		want := defaults()
		want.Bare = bare[tt.in]
		tt.want(&want)
		got, err := parse(words(tt.in)...)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", tt.in, got, err, want)
		}
	}
}

// Of the commands but start.
func TestClientOptions(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "/d")
	t.Chdir("/")
	tests := []struct {
		in, names string
		want      options
	}{
		{"stop ./test/mock/forever.sh", "forever.sh", options{}},
		{"status a ./b c/ --json --", "a b c", options{JSON: true, Args: []string{}}},
		{"-p status x", "x", options{Pidfile: filepath.Join(pidDir(), "x.pid")}},
		{"stop --name y", "y", options{}},
		{"-t 60 stop x --signal int", "x", options{Halt: control.Request{Timeout: control.Seconds(time.Minute), Signal: 2}}},
		{"stop x --stop-timeout 0", "x", options{Halt: control.Request{Timeout: control.Seconds(0)}}},
		{"stop --name y x", "y", options{}},
		{"restart web* [ab]? --json", "web* [ab]?", options{JSON: true}},
		{"signal usr1 x y", "x y", options{Signal: syscall.SIGUSR1}},
		{"signal 9 --name x --all", "x", options{Signal: syscall.SIGKILL, All: true}},
		{"wait x", "x", options{For: "running"}},
		{"wait --timeout 1m --for stopped x", "x", options{For: "stopped", Timeout: time.Minute}},
		{"events", "", options{}},
		{"-f events x", "x", options{Stream: true}},
		{"events --follow", "", options{Stream: true}},
		{"history -n 3 x", "x", options{Lives: 3}},
	}
	for _, tt := range tests {
		want := tt.want
		want.RuntimeDir, want.PidDir, want.OutputDir = "/d", "/d", "/d/log"
		if tt.names != "" {
			want.Names = words(tt.names)
			want.Name = want.Names[0]
		}
		got, err := parse(words(tt.in)...)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v, %v\nwant %+v", tt.in, got, err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	known := words(`web1 web2 db odd[1] odd1`)
	known = append(known, "bad\nname")
	for words, want := range map[string]string{
		"db":           "db",
		"unknown":      "unknown",
		"web*":         "web1 web2",
		"db web? db":   "db web1 web2",
		"web2 *":       "web2 web1 db odd[1] odd1",
		"odd[1]":       "odd[1]",
		"odd[1-3] db*": "odd1 db",
	} {
		got, err := expand(known, strings.Fields(words))
		if err != nil || !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: got %q, %v; want %s", words, got, err, want)
		}
	}
	for words, code := range map[string]int{"mail*": exitFailure, "db x?": exitFailure, "web[": exitUsage} {
		if got, err := expand(known, strings.Fields(words)); exitCode(err) != code {
			t.Errorf("%s: got %q, %v; want code %d", words, got, err, code)
		}
	}
}

func TestOptionsErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", "no command: write respawner start PROGRAM"},
		{"-D", "no command"},
		{"sttart x", `unknown command "sttart": did you mean respawner start x?`},
		{"lighttpd start", `did you mean respawner start lighttpd?`},
		{"start", "no program"},
		{"stop", "no program"},
		{"start -- x", "no program"},
		{"start x y", `got "y" too; what is x's goes after --: respawner start x -- y`},
		{"start x --json", "option --json does not belong to start, but to restart, forget, reopen, reload, signal, reset, status, list, wait, events, history"},
		{"-D restart x", "option -D does not belong to restart, but to start"},
		{"stop x -n 3", "option -n does not belong to stop, but to start"},
		{"status x --follow-forks", "option --follow-forks does not belong to status, but to start"},
		{"restart x -- a 'b", `restart takes no arguments after --: respawner start --replace PROGRAM -- a ''\''b' runs`},
		{"stop x -t soon", `bad --stop-timeout "soon"`},
		{"stop x --signal no", `no such signal: "no"`},
		{"wait x -n 3", "option -n does not belong to wait, but to start, logs, history"},
		{"history x -n many", `bad --lives "many"`},
		{"signal USR1", "write respawner signal SIG NAME"},
		{"signal x USR1", `no such signal: "x"`},
		{"wait x --for up", `bad --for "up": it must be running or stopped`},
		{"wait x --timeout never", `bad --timeout "never"`},
		{"events x/..", "bad service name"},
		{"start x -n -1", `bad --respawn-limit "-1"`},
		{"start x -n 1.5", `bad --respawn-limit "1.5"`},
		{"start x -n 1000000001", `bad --respawn-limit "1000000001"`},
		{"start x -n 99999999999999999999", "bad --respawn-limit"},
		{"start x -n=", `bad --respawn-limit ""`},
		{"start x -t -1", `bad --respawn-timeout "-1"`},
		{"start x -t -5s", `bad --respawn-timeout "-5s"`},
		{"start x -t NaN", "bad --respawn-timeout"},
		{"start x -t inf", "bad --respawn-timeout"},
		{"start x -t 1e300", "bad --respawn-timeout"},
		{"start x -t 315360001", "bad --respawn-timeout"},
		{"start x -t 99999999h", "bad --respawn-timeout"},
		{"start x -t 1d", "bad --respawn-timeout"},
		{"start x --stop-timeout soon", `bad --stop-timeout "soon"`},
		{"start x -e a,b", `bad --success-exit-status "a,b"`},
		{"start x -e 256", "bad --success-exit-status"},
		{"start x -e -1", "bad --success-exit-status"},
		{"start x -e 0,,1", "bad --success-exit-status"},
		{"start x -e=", "bad --success-exit-status"},
		{"start x --follow-forks --no-follow-forks", "exclude each other"},
		{"start x --log=", "--log needs a value"},
		{"start x --name a/b", `bad service name "a/b": it must not contain /`},
		{"start x --name ..", `bad service name "..": it means a directory`},
		{"start x --name=", "it is empty"},
		{"start x --name -D", "it must not begin with -"},
		{"start x --name .x", "it must not begin with ."},
		{"start x --name a\x1bb", "it must be printable"},
		{"start x --name a\xffb", "it must be printable"},
		{"start x --name " + strings.Repeat("x", 65), "longer than 64 bytes"},
		{"start /", "bad service name"},
		{"start ..", "bad service name"},
		{"start .hidden", "choose one with --name"},
		{"status a .. b", "bad service name"},
		{"status a b --name c", "--name names one service, but got 2"},
	}
	for _, tt := range tests {
		_, err := parse(words(tt.in)...)
		wantUsageError(t, tt.in, err, tt.want)
	}
	_, err := parse("start", "")
	wantUsageError(t, `start ""`, err, "no program")
	_, err = parse("start", "x", "--runtime-dir=a\x00b")
	wantUsageError(t, "NUL", err, "NUL")
}

func TestBlanksInLists(t *testing.T) {
	got, err := parse("start", "x", "-e", " 0, 1 ")
	if want := []int{0, 1}; err != nil || !reflect.DeepEqual(got.SuccessCodes, want) {
		t.Errorf("got %v, %v; want %v", got.SuccessCodes, err, want)
	}
}

func TestDefaultRuntimeDir(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "")
	t.Setenv("XDG_RUNTIME_DIR", "/xdg")
	got, err := parse("start", "x")
	if err != nil {
		t.Fatal(err)
	}
	want := [2]string{"/run/respawner", "/run/respawner-x.pid"}
	if pidDir() == "/tmp" {
		want = [2]string{control.DefaultDir(os.Geteuid()), "/tmp/respawner-x.pid"}
	}
	if dirs := [2]string{got.RuntimeDir, got.supervisorPidfile("x")}; dirs != want {
		t.Errorf("got %v, want %v", dirs, want)
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("x"), exitFailure},
		{usagef("x"), exitUsage},
		{fmt.Errorf("wrapped: %w", usagef("x")), exitUsage},
		{fmt.Errorf("wrapped: %w", exitError{code: exitNotFound, msg: "x"}), exitNotFound},
		{exitError{code: lsbNotRunning}, lsbNotRunning},
	}
	for _, tt := range tests {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("exitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

func TestHelp(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"--help", []string{
			"respawner [options] COMMAND NAME... [-- ARGS...]", "   look:", "tell why services went down",
			"respawner start --follow-forks lighttpd -- -f /etc/lighttpd/lighttpd.conf",
			"respawner status lighttpd", "respawner stop lighttpd", "-p [PATH], --pidfile [PATH]",
		}},
		{"start --help", []string{"127 PROGRAM is not found", "--respawn-limit NUM"}},
		{"history --help", []string{"-n NUM, --lives NUM"}},
		{"help status", []string{"Exit code (LSB)"}},
		{"--version", []string{"respawner version " + version}},
	}
	for _, tt := range tests {
		var out strings.Builder
		app := newApp(commands())
		app.Writer = &out
		if err := run(app, words(tt.in)); err != nil {
			t.Errorf("%q: %v", tt.in, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q does not say %q, but:\n%s", tt.in, want, out.String())
			}
		}
	}
}
