//go:build linux

package test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Outside of containers root has the best there is.
func TestTrackingOfRoot(t *testing.T) {
	t.Parallel()
	needConnector(t)
	s := newShape(t, "foreground")
	if st := s.start(); st.Tracking != "kernel-set" || st.Reason != "" {
		t.Errorf("tracking is %q (%s)", st.Tracking, st.Reason)
	}
	s.stop()
}

// TestTrackingInside is for a world that another test has made: the best step
// is the first of those that are said to work there, status says why, and what
// can't be had is refused.
func TestTrackingInside(t *testing.T) {
	if os.Getenv(envInside) == "" {
		t.Skip("is run by others")
	}
	s := newShape(t, "foreground")
	if st := s.start(); st.Tracking != steps(t)[0] || st.Reason == "" {
		t.Errorf("tracking is %q (%s)", st.Tracking, st.Reason)
	}
	s.stop()
	for _, step := range ladder {
		if slices.Contains(steps(t), step) {
			continue
		}
		r := s.tell("start", "--tracking", step)
		if r.code != 1 || !strings.Contains(r.stderr, "tracking by "+step+" is not to be had here") {
			t.Errorf("--tracking %s: %v", step, r)
		}
		if left := belonging(t); len(left) > 0 {
			t.Errorf("left behind:\n%s", list(left))
		}
	}
	s.starts(1)
}

// Root without the capability, as in many sandboxes: the next step it is.
func TestBPFRefused(t *testing.T) {
	t.Parallel()
	needConnector(t)
	without := "-bpf,-sys_admin"
	wrapper := []string{"setpriv", "--bounding-set=" + without, "--inh-caps=" + without}
	inside(t, "a sandbox", wrapper, "TestTrackingInside|TestFollowsInside", envSteps+"=socket-filter,events,scan,pidfile")
}

// TestFollowsInside is for a world that another test has made.
func TestFollowsInside(t *testing.T) {
	if os.Getenv(envInside) == "" {
		t.Skip("is run by others")
	}
	s := newShape(t, "double-fork")
	st := startShape(s, "--follow-forks")
	mustBeMain(s, s.crash(st.MainPID), 2)
	s.stop()
}

// The connector may stop telling in the middle, as it does on kernels where
// any process can end it for all: that is noticed, told, and mended.
func TestConnectorGoesDeaf(t *testing.T) {
	needConnector(t)
	for _, step := range ladder[:3] {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			s := newShape(t, "double-fork")
			s.track(step)
			st := startShape(s, "--follow-forks")
			onConnector(t, st.SupervisorPID, deafen)
			now := mustBeMain(s, s.crash(st.MainPID), 2)
			if step != "socket-filter" { // which the next change in the service has mended
				s.log.waitFor("births were not told by "+step+": going on by "+step, 1)
			}
			if now.Tracking != step || now.Resyncs == 0 && step != "socket-filter" {
				t.Errorf("after deafness: %+v", now)
			}
			s.quiet()
			mustBeMain(s, s.crash(now.MainPID), 3)
			s.starts(3)
			s.stop()
		})
	}
}

// Deaf for good: what can't be told is looked for.
func TestConnectorGoesDeafTwice(t *testing.T) {
	needConnector(t)
	t.Parallel()
	s := newShape(t, "double-fork")
	st := startShape(s, "--follow-forks")
	for run := 2; run <= 3; run++ {
		onConnector(t, st.SupervisorPID, deafen)
		st = mustBeMain(s, s.crash(st.MainPID), run)
	}
	if st.Tracking != "scan" || !strings.Contains(st.Reason, "deaf") {
		t.Errorf("tracking is %q (%s)", st.Tracking, st.Reason)
	}
	s.quiet()
	mustBeMain(s, s.crash(st.MainPID), 4)
	s.stop()
}

// A process is not lost when its birth was not told, and nothing is restarted.
func TestDeafWhileTheDaemonForksAway(t *testing.T) {
	needConnector(t)
	t.Parallel()
	s := newShape(t, "late-fork", "linger=60000")
	st := s.start("--follow-forks", "-t", "0.2")
	onConnector(t, st.SupervisorPID, deafen)
	kill(t, st.MainPID, unix.SIGUSR1)
	daemon := s.truth("main", 1)
	eventually(t, "the daemon is main", func() bool { return s.status().MainPID == daemon })
	if now := s.mustRun(); now.Restarts != 0 || now.Resyncs == 0 {
		t.Errorf("%+v", now)
	}
	kill(t, daemon, unix.SIGKILL)
	s.log.waitFor(`restarted\(1/0\)`, 1)
	s.stop()
	s.starts(2)
}
