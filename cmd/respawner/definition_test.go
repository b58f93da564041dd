package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"respawner/watch/control"
)

// What a definition stands for is the start that it was made of.
func TestDefinition(t *testing.T) {
	t.Setenv("RESPAWNER_RUNTIME_DIR", "")
	t.Setenv("XDG_RUNTIME_DIR", "/xdg")
	t.Chdir("/")
	for _, line := range []string{
		"start /bin/x", "start /bin/x -- -D --", "start /bin/x --name y -- a", "start /bin/x -n 3 -t 0.25 --stop-timeout 1m30s -e 1,0,7",
		"start /bin/x --follow-forks", "start /bin/x --no-follow-forks", "start /bin/x -p /p", "start /bin/x -p /p --no-follow-forks",
		"start /bin/x -p --name y --tracking pidfile", "start /bin/x --clean a --clean=/b,c --reload-signal 35", "start /bin/x --reload-signal usr1",
		"start /bin/x --log l.log --output o.log --output-size 4K --output-keep 0", "start /bin/x --output none", "start /bin/x --runtime-dir r",
		"start /bin/x --control-group 17 --tracking scan",
	} {
		first, err := parse(words(line)...)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		def := first.definition("/bin/x")
		t.Chdir("/tmp")
		again, err := parse(defined(first.Name, def).args...)
		t.Chdir("/")
		if len(again.Args) == 0 {
			again.Args = first.Args
		}
		if err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("%s:\n%+v, then %v\n%+v", line, first, err, again)
		}
	}
}

// In the foreground a service is no other than in the background.
func TestDefinitionInForeground(t *testing.T) {
	t.Chdir("/")
	here, err := parse("start", "-D", "/bin/x")
	if err != nil {
		t.Fatal(err)
	}
	away, err := parse("start", "/bin/x")
	if err != nil {
		t.Fatal(err)
	}
	if differs := differences(here.definition("/bin/x"), away.definition("/bin/x")); len(differs) > 0 {
		t.Error(differs)
	}
}

func TestDifferences(t *testing.T) {
	has := control.Definition{Program: "/bin/x", Args: []string{"a", "b c"}, Options: []string{"n=3", "on", "clean=/a", "clean=/b", "runtime-dir=/r"}, Dir: "/"}
	for want, change := range map[string]func(*control.Definition){
		"[]": func(d *control.Definition) {
			d.Dir, d.Env, d.Options = "/else", []string{"A=1"}, []string{"on", "clean=/a", "clean=/b", "n=3"}
		},
		"[program /bin/x, not /bin/y]":             func(d *control.Definition) { d.Program = "/bin/y" },
		"[arguments a 'b c', not none]":            func(d *control.Definition) { d.Args = nil },
		"[--n 3, not 4 --on given, not none]":      func(d *control.Definition) { d.Options = []string{"n=4", "clean=/a", "clean=/b"} },
		"[--clean /a /b, not /a --p none, not /x]": func(d *control.Definition) { d.Options = []string{"n=3", "on", "clean=/a", "p=/x"} },
	} {
		wants := has
		change(&wants)
		if got := fmt.Sprint(differences(has, wants)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestShellWords(t *testing.T) {
	for want, words := range map[string][]string{
		"none": nil, "''": {""}, "a -b=c/d": {"a", "-b=c/d"}, "'a b' 'it'\\''s' '$x' ä": {"a b", "it's", "$x", "ä"},
	} {
		if got := shellWords(words); got != strings.Replace(want, " ä", " 'ä'", 1) {
			t.Errorf("%q: got %s", words, got)
		}
	}
}

func TestNear(t *testing.T) {
	all := words("webserver worker web-1 web-2 web-3 web-4 db ..")
	for name, want := range map[string]string{
		"websevrer": "webserver", "WORKER": "worker", "work": "worker", "web-5": "web-1 web-2 web-3", "web": "webserver web-1 web-2",
		"mail": "", "w": "", "dbs": "db", "": "",
	} {
		if got := near(name, all); !slices.Equal(got, words(want)) {
			t.Errorf("%q: got %q, want %s", name, got, want)
		}
	}
}
