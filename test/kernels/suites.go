package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"

	"respawner/test/kernels/plan"
)

// suite is a package's tests, or those in some files of it.
type suite struct {
	name  string
	dir   string // of the package
	files []string
}

// The promises that matter most on another kernel, and the packages that talk to it.
var suites = []suite{
	{"shapes", "test", []string{"shapes_test.go"}},
	{"ladder", "test", []string{"tracking_test.go", "namespaces_test.go"}},
	{"stop", "test", []string{"stop_test.go"}},
	{"adoption", "test", []string{"adoption_test.go"}},
	{"clock", "test", []string{"fault_clock_test.go", "fault_setclock_test.go"}},
	{"procconn", "procconn", nil},
	{"timer", "timer", nil},
	{"watch", "watch", nil},
	{"control", "watch/control", nil},
}

func suiteNames() (names []string) {
	for _, s := range suites {
		names = append(names, s.name)
	}
	return names
}

func chosenSuites(names []string) (chosen []suite, err error) {
	for _, name := range names {
		before := len(chosen)
		for _, s := range suites {
			if s.name == name {
				chosen = append(chosen, s)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("no such suite: %q", name)
		}
	}
	return chosen, nil
}

// program is the test binary of the suite's package in the guest.
func (s suite) program() string {
	return "/suites/" + s.dir + "/" + strings.ReplaceAll(s.dir, "/", "-") + ".test"
}

// planned is how the guest runs the suite. Much is short there, since an emulated processor is 20 times slower.
func (s suite) planned() (plan.Suite, error) {
	tests, err := s.tests()
	return plan.Suite{
		Name: s.name, Dir: "/suites/" + s.dir,
		Args: []string{s.program(), "-test.v=test2json", "-test.short", "-test.parallel=2", "-test.timeout=60m", "-test.run=" + tests},
		Env:  []string{"RESPAWNER_BIN=" + plan.Respawner, "RESPAWNER_SHAPE=/bin/shape", "RESPAWNER_OWN_MACHINE=1"},
	}, err
}

var testFunction = regexp.MustCompile(`(?m)^func (Test\w+)\(`)

// tests is a pattern for the names of the suite's tests, which are read from its files.
func (s suite) tests() (string, error) {
	var names []string
	for _, file := range s.files {
		text, err := os.ReadFile(s.dir + "/" + file)
		if err != nil {
			return "", err
		}
		for _, match := range testFunction.FindAllStringSubmatch(string(text), -1) {
			names = append(names, match[1])
		}
	}
	if names == nil {
		return ".", nil
	}
	return "^(" + strings.Join(names, "|") + ")$", nil
}
