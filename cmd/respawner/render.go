package main

import (
	"fmt"
	"io"
	"time"

	"respawner/watch/control"
)

// lineWidth is where lines of the tree are cut when they don't go to a
// terminal.
const lineWidth = 100

// States of a service: with its supervisor, and without one.
const (
	stateStopped  = "stopped"
	stateRunning  = "running"
	stateOrphaned = "orphaned"
)

// render writes what `respawner status` shows of a service. Its first line is
// the seed's, for scripts; cmdline gives a process's command line.
func render(w io.Writer, d display, s control.Status, now time.Time, cmdline func(pid int) string) error {
	verdict := "is not running"
	switch s.State {
	case stateRunning:
		verdict = "is running"
	case stateOrphaned:
		verdict = "is running without a supervisor"
	case stateUnknown:
		verdict = "is in an unknown state"
	}
	// These lines are never cut: a terminal may wrap them.
	facing := display{colour: d.colour}
	out := facing.draw(line{{fmt.Sprintf("%q process ", s.Name), plain}, {verdict, stateStyle(s.State)}}) + "\n"
	for _, f := range facts(s, now) {
		if f.value != "" {
			out += facing.draw(line{{fmt.Sprintf("  %-11s ", f.name), dim}, {printable(f.value), f.style}}) + "\n"
		}
	}
	if d.width == 0 {
		d.width = lineWidth
	}
	out += d.drawAll(statusTree(s.Processes, cmdline))
	if _, err := io.WriteString(w, out); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	return nil
}

// statusTree is the forest below the facts.
func statusTree(processes []control.Process, cmdline func(pid int) string) []line {
	var rows []line
	for _, row := range forestRows(processes) {
		rows = append(rows, line{{fmt.Sprint(row.PID), plain}, {row.Role, cyan}, {row.branch + printable(cmdline(row.PID)), plain}})
	}
	lines := table([]column{{right: true}, {}, {}}, rows)
	for i := range lines {
		lines[i] = append(line{{"    ", plain}}, lines[i]...)
	}
	return lines
}

// fact is one line of status. It is left out when its value is empty.
type fact struct {
	name, value string
	style       style
}

func facts(s control.Status, now time.Time) []fact {
	if s.State == stateStopped && s.Since.IsZero() && s.Message != "" {
		return []fact{{"message", s.Message, bold}} // only the message is known
	}
	all := []fact{
		{"state", describeState(s, now), stateStyle(s.State)},
		{"message", s.Message, bold},
		{"still there", s.Stuck, bold},
	}
	all = append(all, []fact{
		{"main pid", describePID(s.MainPID), plain},
		{"supervisor", describePID(s.SupervisorPID), plain},
		{"restarts", describeRestarts(s), plain},
		{"last exit", describeExit(s.LastExit, now), plain},
	}...)
	name := "it said"
	for _, words := range s.Said {
		all = append(all, fact{name, "| " + words, plain})
		name = ""
	}
	return append(all, []fact{
		{"follow", describeFollow(s), plain},
		{"tracking", describeTracking(s), plain},
		{"output", s.Output, plain},
		{"lost events", nonZero(s.LostEvents), plain},
		{"resyncs", nonZero(s.Resyncs), plain},
		{"processes", nonZero(len(s.Processes)), plain},
	}...)
}

func describeState(s control.Status, now time.Time) string {
	text := s.State
	if !s.Since.IsZero() {
		text += fmt.Sprintf(" since %s (%s)", second(s.Since), span(now.Sub(s.Since)))
	}
	if s.NextStart != nil {
		text += ", next start in " + describeWait(s.NextStart.Sub(now))
	}
	return text
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

// LSB's exit codes for status.
const (
	lsbRunning    = 0
	lsbDead       = 1 // but its pidfile or lock is left
	lsbNotRunning = 3
	lsbUnknown    = 4
)

// statusCode returns LSB's exit code for the state of a service. leftover says that the service has no
// supervisor, but its pidfile or lock is
// left. The code of a service that could not be asked is lsbUnknown.
func statusCode(state string, leftover bool) int {
	switch {
	case state == stateOrphaned || state == stateUnknown:
		return lsbUnknown
	case leftover:
		return lsbDead
	case state == stateRunning:
		return lsbRunning
	}
	return lsbNotRunning
}

// worstCode returns the exit code for several services: the one that deserves most
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
