//go:build linux

package test

import (
	"os"
	"strings"
	"testing"
)

// Wrong words get exit code 2, and one line that names the mistake.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		words  string
		saying string
	}{
		{"", "command"},
		{"start", "no program"},
		{"start -- true", "no program"},
		{"stop", "no program"},
		{"launch true", "launch"},
		{"start --frobnicate true", "frobnicate"},
		{"--frobnicate start true", "frobnicate"},
		{"start true --frobnicate", "frobnicate"},
		{"start -x true", "x"},
		{"start true surplus", "surplus"},
		{"start -e a,b true", "a"},
		{"start -e 0,,1 true", "-e"},
		{"start -e 256 true", "256"},
		{"start -e -1 true", "-1"},
		{"start -n -1 true", "-1"},
		{"start -n many true", "many"},
		{"start -n 1.5 true", "1.5"},
		{"start -n 99999999999999999999 true", "99999999999999999999"},
		{"start -n", "n"},
		{"start -t -1 true", "-1"},
		{"start -t soon true", "soon"},
		{"start -t 1e300 true", "1e300"},
		{"start -t NaN true", "NaN"},
		{"start -t Inf true", "Inf"},
		{"start -t 99999999999999999999 true", "99999999999999999999"},
		{"start -t -1m true", "-1m"},
		{"start --stop-timeout -1 true", "-1"},
		{"start --stop-timeout never true", "never"},
		{"start --clean= true", "--clean"},
		{"start --clean /tmp true", "is a directory"},
		{"start --clean x --clean /tmp/../ true", "is a directory"},
		{"stop --clean", "clean"},
		{"restart --clean /x true", "does not belong to restart"},
		{"start --name a/b true", "a/b"},
		{"start --name .. true", ".."},
		{"start --name . true", "."},
		{"start --name= true", "name"},
		{"start --name * true", "must not contain *"},
		{"start --name a?b true", "must not contain *"},
		{"start --name a[b true", "must not contain *"},
		{"start --name a\\b true", "must not contain *"},
		{"status a/../b --name x/y", "x/y"},
		{"start --follow-forks --no-follow-forks true", "follow-forks"},
	} {
		t.Run(test.words, func(t *testing.T) {
			dir := tempDir(t)
			cmd := command(t, respawner, strings.Fields(test.words)...)
			cmd.Env = append(cmd.Env, "RESPAWNER_RUNTIME_DIR="+dir+"/run")
			r := finish(t, cmd)
			mustFail(t, r, 2, test.saying)
			if r.stdout != "" || exists(dir+"/run") {
				t.Errorf("it has begun nevertheless: %v", r)
			}
		})
	}
}

// A program that cannot be run: start says why, with the shell's exit codes,
// and leaves nothing.
func TestCannotBeExecuted(t *testing.T) {
	t.Parallel()
	dir := tempDir(t)
	writeFile(t, dir+"/plain", "#!/bin/sh\n", 0o644)
	writeFile(t, dir+"/interpreter", "#!"+dir+"/no-such-interpreter\n", 0o755)
	writeFile(t, dir+"/rubbish", "\x01\x02\x03\x04\n", 0o755)
	writeFile(t, dir+"/nothing", "", 0o755)
	for _, test := range []struct {
		program string
		codes   []int
		saying  string
	}{
		{dir + "/missing", []int{127}, "missing"},
		{dir + "/no/such/folder", []int{127}, "folder"},
		{dir + "/plain/below", []int{126, 127}, "below"},
		{"no-such-program-anywhere", []int{127}, "no-such-program-anywhere"},
		{dir, []int{126}, dir},
		{dir + "/plain", []int{126}, "plain"},
		{dir + "/interpreter", []int{126, 127}, "interpreter"},
		{dir + "/rubbish", []int{126}, "rubbish"},
		{dir + "/nothing", []int{126}, "nothing"},
	} {
		for _, where := range []string{"background", "-D"} {
			t.Run(strings.TrimPrefix(test.program, dir)+where, func(t *testing.T) {
				cannotBeExecuted(t, test.program, where == "-D", test.codes, test.saying)
			})
		}
	}
}

func cannotBeExecuted(t *testing.T, program string, foreground bool, codes []int, saying string) {
	t.Helper()
	s := newService(t, program)
	options := []string{"-t", "0"}
	if foreground {
		options = append(options, "-D")
	}
	r := s.tell("start", options...)
	code := codes[0]
	if r.code == codes[len(codes)-1] {
		code = r.code
	}
	mustFail(t, r, code, saying)
	if left := dying(func() []process { return belonging(t) }); len(left) > 0 {
		t.Errorf("left:\n%s", list(left))
	}
	s.mustNotRun("stopped")
	if exists(s.supervisorPidfile()) || s.log.count("restarted") != 0 {
		t.Error("the supervisor's pidfile is left, or it was tried again")
	}
}

// A runtime directory that is not ours alone, or of no use: nothing is started.
func TestBadRuntimeDir(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, path string) error{
		"symlink": func(t *testing.T, path string) error { return os.Symlink(tempDir(t), path) },
		"file":    func(_ *testing.T, path string) error { return os.WriteFile(path, nil, 0o600) },
		"open to all": func(_ *testing.T, path string) error {
			_ = os.Mkdir(path, 0o700) // chmod says if that failed
			return os.Chmod(path, 0o777)
		},
		"another user's": func(t *testing.T, path string) error {
			needRoot(t)
			_ = os.Mkdir(path, 0o700) // chown says if that failed
			return os.Chown(path, 65534, 65534)
		},
		"below a file": func(*testing.T, string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newShape(t, "foreground")
			if err := spoil(t, s.runtime); err != nil {
				t.Fatal(err)
			}
			saying := s.runtime
			if name == "below a file" {
				saying = writeFile(t, s.dir+"/file", "", 0o600)
				s.runtime = saying + "/run"
			}
			mustFail(t, s.tell("start"), 1, saying)
			s.starts(0)
			if name != "open to all" && name != "another user's" {
				return
			}
			if files, err := os.ReadDir(s.runtime); err != nil || len(files) != 0 {
				t.Errorf("something was written there: %v, %v", files, err)
			}
		})
	}
}

// A runtime directory on a file system that is read-only, or full.
func TestUselessRuntimeDir(t *testing.T) {
	for name, mount := range map[string]string{
		"read-only":       `mount -t tmpfs -o ro,mode=700 none "$0"`,
		"full of files":   `mount -t tmpfs -o nr_inodes=1,mode=700 none "$0"`,
		"full of content": `mount -t tmpfs -o size=4k,mode=700 none "$0"; echo >"$0/content"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "foreground")
			if err := os.Mkdir(s.runtime, 0o700); err != nil {
				t.Fatal(err)
			}
			script := "set -e; " + mount + `; exec "$@"`
			mounted := append(unshare("--mount"), "sh", "-c", script, s.runtime)
			if r := shell(t, append(mounted, "true")...); r.code != 0 {
				skip(t, "cannot mount: "+r.stderr)
			}
			words := append([]string{respawner}, s.words("start")...)
			mustFail(t, shell(t, append(mounted, words...)...), 1, s.runtime)
			if left := dying(func() []process { return belonging(t) }); len(left) > 0 {
				t.Errorf("left:\n%s", list(left))
			}
		})
	}
}

// A log that cannot be written is said before anything is started.
func TestBadLog(t *testing.T) {
	t.Parallel()
	s := newShape(t, "foreground")
	s.log.path = s.dir + "/no/such/folder/log"
	r := s.tell("start")
	s.log.path = s.dir + "/log"
	mustFail(t, r, 1, "no/such/folder/log")
	s.starts(0)
}
