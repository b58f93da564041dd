package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"respawner/watch/control"
)

// list shows all services of the runtime directory, or those with a problem.
func list(o options) error {
	dir, err := openRuntimeDir(o.RuntimeDir)
	if err != nil {
		return err
	}
	names, err := serviceNames(dir)
	if err != nil {
		return err
	}
	all := askAll(dir, names, glance)
	if o.Failed {
		all = slices.DeleteFunc(all, func(s *control.Status) bool { return !isProblem(s) })
	}
	slices.SortFunc(all, byUrgency)
	if o.JSON {
		return printServices(os.Stdout, all)
	}
	lines := titled(listColumns(), listRows(all, time.Now()))
	_, err = fmt.Print(displayOf(os.Stdout).drawAll(lines))
	return err
}

func listColumns() []column {
	return []column{{title: "NAME"}, {title: "STATE"}, {"MAIN", true}, {"UPTIME", true}, {"RESTARTS", true},
		{"PROCS", true}, {title: "LAST-EXIT/MESSAGE"}}
}

// listRows returns a row for each service. No cell is empty, so that awk can count
// them; the last one alone is in words.
func listRows(all []*control.Status, now time.Time) []line {
	var rows []line
	for _, s := range all {
		look := stateStyle(s.State)
		rows = append(rows, line{
			{printable(s.Name), bold}, {printable(s.State), look}, {orDash(nonZero(s.MainPID)), plain},
			{uptime(s, now), plain}, {shortRestarts(s), plain}, {fmt.Sprint(len(s.Processes)), plain},
			{printable(lastWords(s, now)), plain},
		})
	}
	return rows
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// uptime returns how long a service has been running.
func uptime(s *control.Status, now time.Time) string {
	if s.State != stateRunning || s.Since.IsZero() {
		return "-"
	}
	return oneWord(span(now.Sub(s.Since)))
}

func shortRestarts(s *control.Status) string {
	if s.RespawnLimit == 0 {
		return fmt.Sprint(s.Restarts)
	}
	return fmt.Sprintf("%d/%d", s.Restarts, s.RespawnLimit)
}

// lastWords returns when the next start is due, the message, or else how the last process ended.
func lastWords(s *control.Status, now time.Time) string {
	switch {
	case s.NextStart != nil:
		return "next start " + nextStart(s, now)
	case s.Message != "":
		return s.Message
	case s.LastExit == nil:
		return "-"
	}
	return fmt.Sprintf("%s, %s ago", howEnded(*s.LastExit), span(now.Sub(s.LastExit.At)))
}

// nextStart returns how long it is until the next start, and why a start is due.
func nextStart(s *control.Status, now time.Time) string {
	return "in " + describeWait(s.NextStart.Sub(now)) + ": " + strings.TrimPrefix(s.Message, s.Name+": ")
}
