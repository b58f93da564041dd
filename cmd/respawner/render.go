package main

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"respawner/watch/control"
)

// lineWidth is where command lines are cut.
const lineWidth = 100

// stateRunning is the one state in which a service does its work.
const stateRunning = "running"

// render writes what `respawner status` shows of a service. Its first line is
// the seed's, for scripts; cmdline gives a process's command line.
func render(w io.Writer, s control.Status, now time.Time, cmdline func(pid int) string) error {
	out := bufio.NewWriter(w)
	not := ""
	if s.State != stateRunning {
		not = " not"
	}
	fmt.Fprintf(out, "%q process is%s running\n", s.Name, not)
	for _, f := range facts(s, now) {
		if f.value != "" {
			fmt.Fprintf(out, "  %-11s %s\n", f.name, printable(f.value))
		}
	}
	for _, row := range forestRows(s.Processes) {
		fmt.Fprintf(out, "    %s\n", cut(row.head+printable(cmdline(row.pid)), lineWidth-4))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	return nil
}

// fact is one line of status; it is left out when its value is empty.
type fact struct{ name, value string }

func facts(s control.Status, now time.Time) []fact {
	return []fact{
		{"state", describeState(s, now)},
		{"message", s.Message},
		{"main pid", describePID(s.MainPID)},
		{"supervisor", describePID(s.SupervisorPID)},
		{"restarts", describeRestarts(s)},
		{"last exit", describeExit(s.LastExit, now)},
		{"follow", describeFollow(s)},
		{"tracking", describeTracking(s)},
		{"lost events", nonZero(s.LostEvents)},
		{"resyncs", nonZero(s.Resyncs)},
		{"processes", nonZero(len(s.Processes))},
	}
}

func describeState(s control.Status, now time.Time) string {
	text := s.State
	if !s.Since.IsZero() {
		text += fmt.Sprintf(" since %s (%s)", s.Since.In(now.Location()).Format(time.DateTime), span(now.Sub(s.Since)))
	}
	if s.NextStart != nil {
		text += ", next start in " + describeWait(s.NextStart.Sub(now))
	}
	return text
}

// describeWait is finer than span, since most waits are short.
func describeWait(d time.Duration) string {
	if d >= time.Minute {
		return span(d)
	}
	return fmt.Sprintf("%.1fs", max(0, d).Seconds())
}

func describePID(pid int) string {
	if pid == 0 {
		return "none"
	}
	return fmt.Sprint(pid)
}

func describeRestarts(s control.Status) string {
	if s.RespawnLimit == 0 {
		return fmt.Sprintf("%d, no limit", s.Restarts)
	}
	return fmt.Sprintf("%d, limit %d", s.Restarts, s.RespawnLimit)
}

func describeExit(e *control.Exit, now time.Time) string {
	if e == nil {
		return "none"
	}
	return fmt.Sprintf("pid %d %s, %s ago", e.PID, howEnded(*e), span(now.Sub(e.At)))
}

func describeFollow(s control.Status) string {
	switch {
	case s.Follow == followOn:
		return "on: whatever survives the program"
	case s.Follow == followAuto && s.Followed:
		return "auto: it put itself into the background"
	case s.Follow == followAuto && s.State == stateRunning:
		return "auto: it stays in the foreground"
	}
	return s.Follow
}

func describeTracking(s control.Status) string {
	if s.TrackingReason == "" {
		return s.Tracking
	}
	return s.Tracking + " (" + s.TrackingReason + ")"
}

func nonZero(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// span is a duration in its two largest units; clocks may jump, so that one
// below zero is nothing.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	d = max(0, d)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		return fmt.Sprintf("%dh %dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd %dh", d/day, d%day/time.Hour)
}

// cut shortens a line to width characters.
func cut(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}

// LSB's exit codes for status.
const (
	lsbRunning    = 0
	lsbDead       = 1 // but its pidfile or lock is left
	lsbNotRunning = 3
	lsbUnknown    = 4
)

// statusCode is LSB's exit code for a service that was asked, or found not to
// be there; leftover says that nobody watches it, but its pidfile or lock is
// left. (When it can be neither asked nor found: lsbUnknown.)
func statusCode(state string, leftover bool) int {
	switch {
	case leftover:
		return lsbDead
	case state == stateRunning:
		return lsbRunning
	}
	return lsbNotRunning
}

// worstCode is the exit code for several services: the one that deserves most
// attention.
func worstCode(codes []int) int {
	for _, code := range []int{lsbUnknown, lsbDead, lsbNotRunning} {
		for _, c := range codes {
			if c == code {
				return code
			}
		}
	}
	return lsbRunning
}
