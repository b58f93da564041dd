package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"respawner/test/kernels/plan"
)

// report is what came of the plan on one kernel.
type report struct {
	log      io.Writer // all that the suites have written
	accounts []*account
	done     bool
}

// account is what came of it for one account.
type account struct {
	name    string
	facts   plan.Facts
	results []*result
}

// result is what came of one suite.
type result struct {
	suite                   string
	lines                   bytes.Buffer
	end                     plan.End
	passed, failed, skipped []string
	reasons                 map[string]string // why a test was skipped
}

// take adds what a guest tells.
func (r *report) take(m plan.Message) error {
	if m.Facts != nil {
		r.accounts = append(r.accounts, &account{name: m.Account, facts: *m.Facts})
		fmt.Printf("%s: Linux %s, %s\n", m.Account, m.Facts.Kernel, m.Facts.Step)
		return nil
	}
	if m.Done {
		r.done = true
		return nil
	}
	if len(r.accounts) == 0 {
		return errors.New("the guest tells of a suite before the facts")
	}
	return r.accounts[len(r.accounts)-1].take(m, r.log)
}

func (a *account) take(m plan.Message, log io.Writer) error {
	if n := len(a.results); n == 0 || a.results[n-1].suite != m.Suite {
		a.results = append(a.results, &result{suite: m.Suite, reasons: map[string]string{}})
	}
	now := a.results[len(a.results)-1]
	now.lines.WriteString(m.Line)
	if _, err := io.WriteString(log, m.Line); err != nil || m.End == nil {
		return err
	}
	now.end = *m.End
	err := now.read()
	fmt.Printf("%s: %s: %s (%.0f s)\n", m.Account, m.Suite, now, m.End.Seconds)
	return err
}

// event is a line of test2json (cmd/test2json).
type event struct{ Action, Test, Output string }

var reason = regexp.MustCompile(`^\s+\w+_test\.go:\d+: (.*)`)

// read makes of a suite's lines how each of its tests ended. A test that has subtests is not one of its own.
func (r *result) read() error {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin, cmd.Stderr = &r.lines, os.Stderr
	text, err := cmd.Output()
	ended := map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); err == nil && decoder.More(); {
		var e event
		if err = decoder.Decode(&e); err != nil || e.Test == "" {
			continue
		}
		if why := reason.FindStringSubmatch(e.Output); why != nil {
			r.reasons[e.Test] = why[1]
		}
		ended[e.Test] = e.Action
	}
	for test, action := range ended {
		r.count(test, action, ended)
	}
	slices.Sort(r.failed)
	slices.Sort(r.skipped)
	return err
}

// count adds a test to those that ended as it did. One that never ended has failed, and so has one whose subtests are well.
func (r *result) count(test, action string, all map[string]string) {
	hasSubtests, subtestFailed := false, false
	for other, action := range all {
		if strings.HasPrefix(other, test+"/") {
			hasSubtests, subtestFailed = true, subtestFailed || action != "pass" && action != "skip"
		}
	}
	switch {
	case action == "pass" && !hasSubtests:
		r.passed = append(r.passed, test)
	case action == "skip":
		r.skipped = append(r.skipped, test)
	case action != "pass" && !subtestFailed:
		r.failed = append(r.failed, test)
	}
}

// well reports whether something passed and nothing failed, nor the suite as a whole (a leak, a panic, no time left).
func (r *result) well() bool { return len(r.passed) > 0 && len(r.failed) == 0 && r.end.Err == "" }

// String is what is in the table.
func (r *result) String() string {
	text := fmt.Sprintf("%d passed", len(r.passed))
	if len(r.failed) > 0 {
		text += fmt.Sprintf(", **%d failed**", len(r.failed))
	}
	if len(r.skipped) > 0 {
		text += fmt.Sprintf(", %d skipped", len(r.skipped))
	}
	if len(r.failed) == 0 && r.end.Err != "" {
		text += ", **" + r.end.Err + "**"
	}
	return text
}

func (r *report) failed() bool {
	return slices.ContainsFunc(r.accounts, func(a *account) bool {
		return slices.ContainsFunc(a.results, func(r *result) bool { return !r.well() })
	})
}
