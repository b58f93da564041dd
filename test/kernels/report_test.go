package main

import (
	"io"
	"strings"
	"testing"

	"respawner/test/kernels/plan"
)

// heard is a report of one account with one suite, which has written the lines (^ is test2json's mark).
func heard(t *testing.T, end plan.End, lines string) *report {
	t.Helper()
	r := &report{log: io.Discard}
	messages := []plan.Message{{Account: "user", Facts: &plan.Facts{Kernel: "6.1.0-50-cloud-amd64", Step: "scan", Reason: "no connector"}}}
	for line := range strings.Lines(strings.ReplaceAll(lines, "^", "\x16")) {
		messages = append(messages, plan.Message{Account: "user", Suite: "stop", Line: line})
	}
	messages = append(messages, plan.Message{Account: "user", Suite: "stop", End: &end}, plan.Message{Done: true})
	for _, m := range messages {
		if err := r.take(m); err != nil {
			t.Fatal(err)
		}
	}
	if !r.done {
		t.Error("it was all, but that was not heard")
	}
	return r
}

func TestReport(t *testing.T) {
	const one = "^=== RUN   TestOne\n^--- PASS: TestOne (0.01s)\n"
	const skipped = "^=== RUN   TestSkipped\n    a_test.go:12: needs root\n^--- SKIP: TestSkipped (0.00s)\n"
	const half = "^=== RUN   TestHalf\n^=== RUN   TestHalf/a\n^=== RUN   TestHalf/b\n    a_test.go:7: wrong\n" +
		"^--- FAIL: TestHalf (0.00s)\n    ^--- PASS: TestHalf/a (0.00s)\n    ^--- FAIL: TestHalf/b (0.00s)\n"
	for name, tt := range map[string]struct {
		lines  string
		end    plan.End
		want   string
		failed bool
		tables []string
	}{
		"well":           {one + skipped + "^PASS\n", plan.End{}, "1 passed, 1 skipped", false, []string{"| needs root | 6.1.0 user | stop.TestSkipped |"}},
		"failed":         {one + half + "^FAIL\n", plan.End{Err: "exit status 1"}, "2 passed, **1 failed**", true, []string{"| user | TestHalf/b |"}},
		"never ended":    {one + "^=== RUN   TestTwo\n", plan.End{Err: "signal: killed"}, "1 passed, **1 failed**", true, []string{"| user | TestTwo |"}},
		"has leaked":     {one + "^PASS\nFAIL: leaked: a descriptor\n", plan.End{Err: "exit status 1"}, "1 passed, **exit status 1**", true, nil},
		"nothing at all": {"", plan.End{}, "0 passed", true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := heard(t, tt.end, tt.lines)
			if got := r.accounts[0].results[0].String(); got != tt.want || r.failed() != tt.failed {
				t.Errorf("%q, failed: %v", got, r.failed())
			}
			text := tables([]*report{r})
			for _, want := range append(tt.tables, "| 6.1.0-50-cloud-amd64 | user | scan |  | no connector | no | no |", "| user | "+tt.want+" |",
				"Left out this time: shapes, ladder, adoption, clock, procconn, timer, watch, control.\n") {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in:\n%s", want, text)
				}
			}
		})
	}
}
