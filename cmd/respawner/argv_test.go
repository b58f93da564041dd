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
		{"start lighttpd", "start lighttpd"},
		{"start lighttpd -- -f x -- -D", "start lighttpd -- -f x -- -D"},
		{"-D start lighttpd", "--D start lighttpd"},
		{"start -D lighttpd", "--D start lighttpd"},
		{"start lighttpd -D", "--D start lighttpd"},
		{"start lighttpd --foreground -- -D", "--D start lighttpd -- -D"},

		// The seed's own command lines.
		{"start -e 0,1 -p lighttpd -- -f /etc/l.conf", "--e=0,1 --p= start lighttpd -- -f /etc/l.conf"},
		{"-p status lighttpd", "--p= status lighttpd"},
		{"status -p lighttpd", "--p= status lighttpd"},

		{"-p /run/x.pid status x", "--p=/run/x.pid status x"},
		{"start x -p", "--p= start x"},
		{"start x -p -- /run/x", "--p= start x -- /run/x"},
		{"--pidfile=rel start x", "--p=rel start x"},
		{"--pidfile= start x", "--p= start x"},
		{"-p/run/x start x", "--p=/run/x start x"},
		{"-p=x start x", "--p=x start x"},
		{"-pD start x", "--p= --D start x"},

		{"-n3 -t0.5 -e0,1 start x", "--n=3 --t=0.5 --e=0,1 start x"},
		{"-n=3 -t=0.5 start x", "--n=3 --t=0.5 start x"},
		{"-Dn3 start x", "--D --n=3 start x"},
		{"-Dn 3 start x", "--D --n=3 start x"},
		{"-n -1 start x", "--n=-1 start x"},
		{"-t -D start x", "--t=-D start x"},
		{"--respawn-limit 3 start x", "--n=3 start x"},
		{"--respawn-limit=3 start x", "--n=3 start x"},
		{"--name start start x", "--name=start start x"},
		{"status a b c --json", "--json status a b c"},
		{"start - x", "start - x"},
		{"-hv", "--help --version"},
		{"", ""},
	}
	for _, tt := range tests {
		got, err := normalise(words(tt.in), newApp(actions{}).Flags)
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
		got, err := normalise(words(tt.in), newApp(actions{}).Flags)
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
			if nameFault(o.Name) != "" || !slices.Contains(o.Names, o.Name) {
				t.Errorf("%q: accepted names %q, %q", argv, o.Name, o.Names)
			}
			return nil
		}
		ignore := func(options) error { return nil }
		app := newApp(actions{check, check, check, ignore, ignore, ignore})
		app.Writer, app.ErrWriter = io.Discard, io.Discard
		if err := run(app, argv); err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: more than a line: %v", argv, err)
		}
	})
}
