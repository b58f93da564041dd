package main

import "testing"

// TestMeant: a command line that can't be meant is answered by the one that was, ready
// to be copied.
func TestMeant(t *testing.T) {
	for in, want := range map[string]string{
		"start sleep 100":                   "respawner start sleep -- 100",
		"start java -jar x.jar":             "respawner start java -- -jar x.jar",
		"start java -Dx=1 -jar x.jar":       "respawner start java -- -Dx=1 -jar x.jar",
		"start python3 -u app.py":           "respawner start python3 -- -u app.py",
		"start python3 app.py -- --port 1":  "respawner start python3 -- app.py --port 1",
		"start node --inspect-brk=1 app.js": "respawner start node -- --inspect-brk=1 app.js",
		"start tail -f x":                   "but to logs, events; what is tail's goes after --: respawner start tail -- -f x",
		"-n 3 start -D sleep -t 5 100 -x":   "respawner -n 3 start -D sleep -t 5 -- 100 -x",
		"--runtime-dir=/a start ./x it's":   `respawner --runtime-dir=/a start ./x -- 'it'\''s'`,
		"start FOO_1=2 sleep -- 5":          "env FOO_1=2 respawner start sleep -- 5",
		"-e FOO=1 start sleep":              "env FOO=1 respawner",
		"start 1=2 3":                       "respawner start 1=2 -- 3",
		"start sleep -n":                    "option -n needs a value",
		"start sleep --respawn-limits 3":    "did you mean --respawn-limit?",
		"start --respawnlimit 3 sleep":      "did you mean --respawn-limit?",
		"start -x sleep":                    `unknown option "-x": respawner --help lists them all`,
		"run sleep":                         "here it is respawner start sleep",
		"rm --name x sleep":                 "here it is respawner forget --name x sleep",
		"tail web":                          "here it is respawner logs web",
		"attach web":                        "here it is respawner logs -f web",
		"kill web api":                      "here it is respawner stop web api",
		"sttart sleep":                      "did you mean respawner start sleep?",
		"stauts":                            "did you mean respawner status?",
		"restrat a b --json":                "did you mean respawner restart a b --json?",
		"frobnicate a":                      `unknown command "frobnicate": respawner --help lists them all`,
		"x":                                 `unknown command "x": respawner --help lists them all`,
		"web restart":                       "did you mean respawner restart web?",
		"version x":                         "version takes no name",
	} {
		_, err := parse(words(in)...)
		wantUsageError(t, in, err, want)
	}
}

// TestProgramMeant: a program that is a command line.
func TestProgramMeant(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string
	}{
		{[]string{"start", "sleep 100"}, "respawner start sleep -- 100"},
		{[]string{"start", "-n", "3", "sleep  100 ", "-D", "--", "1", "2 3"}, "respawner start -n 3 sleep -D -- 100 1 '2 3'"},
		{[]string{"start", "cd / && ./run"}, "respawner start sh -- -c 'cd / && ./run'"},
		{[]string{"start", "no-such-program 100"}, ""},
		{[]string{"start", "./run&"}, "respawner start sh -- -c './run&'"},
		{[]string{"start", "sleep"}, ""},
		{[]string{"start", ""}, ""},
	} {
		program := tt.words[1]
		if program == "-n" {
			program = tt.words[3]
		}
		if got := programMeant(tt.words, program); got != tt.want {
			t.Errorf("%q: %s, want %s", tt.words, got, tt.want)
		}
	}
}
