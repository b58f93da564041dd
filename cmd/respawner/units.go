package main

import (
	"fmt"
	"strings"
	"time"
)

// span returns a duration in its two largest units. Clocks may jump: a duration
// below zero is taken for zero.
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

// oneWord returns a span for a column: 3m12s.
func oneWord(span string) string { return strings.ReplaceAll(span, " ", "") }

// describeWait returns a wait in words. It is finer than span, since most waits are short.
func describeWait(d time.Duration) string {
	if d >= time.Minute {
		return span(d)
	}
	return fmt.Sprintf("%.1fs", max(0, d).Seconds())
}

// cpuTime returns processor time, for a column.
func cpuTime(d time.Duration) string {
	if d >= time.Minute {
		return oneWord(span(d))
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

// size returns a number of bytes in four or five characters: 812K, 4.1M.
func size(bytes int64) string {
	n, unit := float64(bytes)/1024, "K"
	for _, next := range []string{"M", "G", "T"} {
		if n < 999.5 {
			break
		}
		n, unit = n/1024, next
	}
	if n < 9.95 && unit != "K" {
		return fmt.Sprintf("%.1f%s", n, unit)
	}
	return fmt.Sprintf("%.0f%s", n, unit)
}
