//go:build linux

package test

import "testing"

// A program that fails again and again is started again and again: the seed's
// second scenario. It is stopped by its bare name, as the seed does.
func TestSeedSingle(t *testing.T) {
	t.Parallel()
	s := newService(t, mock(t, "single.sh"), "1", "0.5")
	s.tell("start", "-t", "0.5")
	for run, restarted := range []string{`restarted\(1/0\)`, `restarted\(2/0\)`, `restarted\(3/0\)`} {
		s.log.waitFor(`proc \d+ exited, status 1\b`, run+1)
		s.log.waitFor(restarted, 1)
	}
	s.program = "single.sh"
	s.stop()
	s.mustNotRun("stopped")
	s.log.inOrder(
		`started \(pid \d+\), command: start single\.sh`, `single\.sh started, pid \d+`, `exited, status 1\b`,
		`restarted\(1/0\), pid \d+`, `exited, status 1\b`,
		`restarted\(2/0\), pid \d+`, `exited, status 1\b`,
		`restarted\(3/0\), pid \d+`, `stopped`,
	)
}

// It ends well: respawner ends as well, without a restart.
func TestSeedSingleEndsWell(t *testing.T) {
	for name, test := range map[string]struct{ status, success string }{
		"status 0":                {"0", "0"},
		"status 7, a success":     {"7", "0,7"},
		"status 7, the only one":  {"7", "7"},
		"status 255, the highest": {"255", "255"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, mock(t, "single.sh"), test.status, "1")
			if r := s.tell("start", "-t", "0", "-e", test.success); r.code != 0 {
				t.Errorf("start: %v", r)
			}
			s.waitGone()
			end := s.mustNotRun("stopped")
			if end.Restarts != 0 || end.LastExit == nil || end.LastExit.Code != number(test.status) {
				t.Errorf("restarts %d, last exit %+v", end.Restarts, end.LastExit)
			}
			s.log.inOrder(`exited, status `+test.status+`\b`, `stopped`)
		})
	}
}

// What is not in the list of success statuses is a failure, 0 too.
func TestSeedSingleFailsWithStatusZero(t *testing.T) {
	t.Parallel()
	s := newService(t, mock(t, "single.sh"), "0", "1")
	s.tell("start", "-t", "0.1", "-n", "1", "-e", "7")
	s.waitGone()
	end := s.mustNotRun("failed")
	if end.Restarts != 1 || end.LastExit == nil || end.LastExit.Code != 0 {
		t.Errorf("restarts %d, last exit %+v", end.Restarts, end.LastExit)
	}
}
