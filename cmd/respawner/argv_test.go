package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func words(s string) []string { return strings.Fields(s) }

func TestNormalise(t *testing.T) {
	tests := []struct{ in, want string }{
		{"start lighttpd", "start -- lighttpd"},
		{"start lighttpd -- -f x -- -D", "start -- lighttpd -- -f x -- -D"},
		{"-D start lighttpd", "start --D -- lighttpd"},
		{"start -D lighttpd", "start --D -- lighttpd"},
		{"start lighttpd -D", "start --D -- lighttpd"},
		{"start lighttpd --foreground -- -D", "start --D -- lighttpd -- -D"},

		// The seed's own command lines.
		{"start -e 0,1 -p lighttpd -- -f /etc/l.conf", "start --e=0,1 --p= -- lighttpd -- -f /etc/l.conf"},
		{"-p status lighttpd", "status --p= -- lighttpd"},
		{"status -p lighttpd", "status --p= -- lighttpd"},

		{"-p /run/x.pid status x", "status --p=/run/x.pid -- x"},
		{"start x -p", "start --p= -- x"},
		{"start x -p -- /run/x", "start --p= -- x -- /run/x"},
		{"--pidfile=rel start x", "start --p=rel -- x"},
		{"--pidfile= start x", "start --p= -- x"},
		{"-p/run/x start x", "start --p=/run/x -- x"},
		{"-p=x start x", "start --p=x -- x"},
		{"-pD start x", "start --p= --D -- x"},

		{"-n3 -t0.5 -e0,1 start x", "start --n=3 --t=0.5 --e=0,1 -- x"},
		{"-n=3 -t=0.5 start x", "start --n=3 --t=0.5 -- x"},
		{"-Dn3 start x", "start --D --n=3 -- x"},
		{"-Dn 3 start x", "start --D --n=3 -- x"},
		{"-n -1 start x", "start --n=-1 -- x"},
		{"-t -D start x", "start --t=-D -- x"},
		{"--respawn-limit 3 start x", "start --n=3 -- x"},
		{"--respawn-limit=3 start x", "start --n=3 -- x"},
		{"--name start start x", "--name=start start -- x"},
		{"status a b c --json", "status --json -- a b c"},
		{"status - x", "status -- - x"},
		{"ls --json", "list --json --"},
		{"ps", "list --"},
		{"show x", "status -- x"},
		{"-hv", "--help --version"},
		{"", ""},
	}
	for _, tt := range tests {
		got, err := normalise(words(tt.in), newApp(commands()))
		if err != nil || !slices.Equal(got, words(tt.want)) {
			t.Errorf("normalise(%q) = %q, %v; want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestNormaliseErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"--bogus start x", `unknown option "--bogus"`},
		{"-x start x", `unknown option "-x"`},
		{"-Dx start x", `unknown option "-x"`},
		{"-1 start x", `unknown option "-1"`},
		{"--n 3 start x", `unknown option "--n"`},
		{"-json status x", `unknown option "-j"`},
		{"--=x start x", `unknown option "--"`},
		{"-\xff start x", `unknown option "-\xff"`},
		{"start x -n", "option -n needs a value"},
		{"start x --name -- y", "option --name needs a value"},
		{"--foreground=false start x", "option --foreground takes no value"},
		{"-- start x", "no command"},
		{"-D -- start x", "no command"},
	}
	for _, tt := range tests {
		got, err := normalise(words(tt.in), newApp(commands()))
		wantUsageError(t, tt.in, err, tt.want)
		if got != nil {
			t.Errorf("%q: got %q beside the error", tt.in, got)
		}
	}
}

func wantUsageError(t *testing.T, in string, err error, want string) {
	t.Helper()
	var usage usageError
	switch {
	case !errors.As(err, &usage):
		t.Errorf("%q: got %v, want a usage error", in, err)
	case !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n"):
		t.Errorf("%q: got %q, want one line with %q", in, err, want)
	case exitCode(err) != exitUsage:
		t.Errorf("%q: exit code %d", in, exitCode(err))
	}
}

// FuzzArgv: no command line is a panic, and what follows the first "--"
// reaches the command untouched.
func FuzzArgv(f *testing.F) {
	for _, seed := range []string{
		"start\nlighttpd\n--\n-f\n--\nx", "-p\nstatus\nlighttpd", "-Dn3\nstart\nx", "-n\n-1\nstart\nx\n--",
		"-\n--\n", "-p/\n-t=\n-=\n--=\n", "help\nstart", "--name\n--\nstop\n--\n--json",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		line = strings.ReplaceAll(line, "\x00", "") // no argv has NULs
		argv := strings.Split(line, "\n")
		var args []string
		if i := slices.Index(argv, "--"); i >= 0 {
			args = argv[i+1:]
		}
		check := func(o options) error {
			if !slices.Equal(o.Args, args) {
				t.Errorf("%q: ARGS %q, want %q", argv, o.Args, args)
			}
			if len(o.Names) > 0 && (nameFault(o.Name) != "" || o.Names[0] != o.Name) {
				t.Errorf("%q: accepted names %q, %q", argv, o.Name, o.Names)
			}
			return nil
		}
		app := newApp(thatAll(check))
		app.Writer, app.ErrWriter = io.Discard, io.Discard
		if err := run(app, argv); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: more than a line: %v", argv, err)
		}
	})
}

// One spelling may mean different things to two commands, but it has a value
// for all of them or for none: else the operands could not be told from values.
func TestAritiesAgree(t *testing.T) {
	known := map[string]arity{}
	for _, c := range commands() {
		for _, f := range append(c.flags, commonFlags()...) {
			for _, name := range f.Names() {
				if a, seen := known[name]; seen && a != arityOf(f) {
					t.Errorf("%s: -%s has another arity than elsewhere", c.name, name)
				}
				known[name] = arityOf(f)
			}
		}
	}
}
