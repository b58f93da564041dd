package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"respawner/watch/control"
)

// tree shows the forests of services, of all when none is named.
func tree(o options) error {
	dir, names, err := o.services((*control.Dir).Names)
	if err == nil && len(o.Names) == 0 {
		names, err = serviceNames(dir)
	}
	if err != nil {
		return err
	}
	var lines []line
	var silent error
	names = slices.DeleteFunc(names, func(name string) bool {
		err := known(dir, name)
		silent = errors.Join(silent, err)
		return err != nil
	})
	for i, s := range askAll(dir, names, glance) {
		if s.State == stateUnknown {
			silent = errors.Join(silent, errors.New(s.Message))
		}
		if i > 0 {
			lines = append(lines, line{})
		}
		lines = append(lines, treeTitle(s, time.Now()))
		lines = append(lines, treeLines(s, sinceBoot(), readProcInfo, cmdline)...)
	}
	_, err = fmt.Print(displayOf(os.Stdout).drawAll(lines))
	return errors.Join(silent, err)
}

// treeTitle returns the line above a service's processes.
func treeTitle(s *control.Status, now time.Time) line {
	title := line{{printable(s.Name), bold}, {gap, plain}, {printable(s.State), stateStyle(s.State)}}
	if !s.Since.IsZero() {
		title = append(title, cell{" for " + span(now.Sub(s.Since)), plain})
	}
	return title
}

func treeColumns() []column {
	return []column{{"PID", true}, {title: "ROLE"}, {"AGE", true}, {"CPU", true}, {"RSS", true}, {title: "COMMAND"}}
}

// treeLines returns a drawing of a service's forest. It reads from /proc what the supervisor does not
// tell. Without processes there are no lines.
func treeLines(s *control.Status, now time.Duration, info func(pid int) procInfo, command func(pid int) string) []line {
	var rows []line
	for _, row := range forestRows(s.Processes) {
		rows = append(rows, treeRow(row, now, info(row.PID), command(row.PID)))
	}
	if len(rows) == 0 {
		return nil
	}
	return titled(treeColumns(), rows)
}

func treeRow(row forestRow, now time.Duration, p procInfo, command string) line {
	age, cpu, rss := "-", "-", "-"
	if p.Born > 0 {
		age, cpu, rss = oneWord(span(now-p.Born)), cpuTime(p.CPU), size(p.RSS)
	}
	look := plain
	if row.Role == "main" {
		look = bold
	}
	return line{{fmt.Sprint(row.PID), look}, {orDash(printable(row.Role)), cyan}, {age, plain}, {cpu, plain}, {rss, plain},
		{row.branch + printable(command), look}}
}
