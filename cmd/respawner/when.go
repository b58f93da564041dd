package main

import (
	"strconv"
	"strings"
	"time"
)

// stampLayout is how a time is written, with its zone's offset: of a line, of an
// event.
const stampLayout = "2006-01-02T15:04:05.000Z07:00"

// moment returns a time in full, as people compare it with other logs.
func moment(t time.Time) string { return t.Local().Format(stampLayout) }

// second returns a time where no more than the second matters.
func second(t time.Time) string { return t.Local().Format("2006-01-02T15:04:05Z07:00") }

// cutStamp cuts a line of a log into its time and the text. A line without a
// time is not stamped.
func cutStamp(line []byte) (at time.Time, text []byte, stamped bool) {
	word := string(line[:min(len(line), len(stampLayout)+1)])
	stamp, _, found := strings.Cut(word, " ")
	at, err := time.Parse(stampLayout, stamp)
	if !found || err != nil {
		return time.Time{}, line, false
	}
	return at, line[len(stamp)+1:], true
}

// Layouts of times that users write, local unless they have a zone.
var (
	dateLayouts = [...]string{
		time.RFC3339, "2006-01-02 15:04:05Z07:00", time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly,
	}
	clockLayouts = [...]string{"15:04", time.TimeOnly}
)

// minEpoch is the least number that is taken for seconds since 1970: less is
// more likely meant as so long ago.
const minEpoch = 100_000_000

// parseWhen reads a time, or how long ago it was.
func parseWhen(flag, s string, now time.Time) (time.Time, error) {
	midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	switch s {
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	for _, parse := range []func(string, time.Time) (time.Time, bool){parseEpoch, parseAgo, parseClock, parseDate} {
		if t, ok := parse(s, now); ok {
			return t, nil
		}
	}
	return time.Time{}, usagef("bad --%s %q: it must be how long ago (30s, 2h30m, 1d), a time (17:26, today, 2026-11-23, "+
		"\"2026-11-23 22:00\"), or seconds since 1970", flag, s)
}

// parseEpoch reads seconds since 1970, as date +%s prints them.
func parseEpoch(s string, now time.Time) (time.Time, bool) {
	n, err := strconv.ParseFloat(strings.TrimPrefix(s, "@"), 64)
	plain := strings.Trim(s, "@.0123456789") == ""
	if err != nil || !plain || n != 0 && n < minEpoch || n >= 1e11 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(n * 1e6)).In(now.Location()), true
}

// parseAgo reads a duration such as 2h30m, which may begin with weeks and days: 1w2d3h.
func parseAgo(s string, now time.Time) (time.Time, bool) {
	weeks, rest := cutUnit(s, "w")
	days, rest := cutUnit(rest, "d")
	ago, err := time.Duration(0), error(nil)
	if rest != "" || s == "" {
		ago, err = time.ParseDuration(rest)
	}
	if err != nil || ago < 0 {
		return time.Time{}, false
	}
	return now.AddDate(0, 0, -7*weeks-days).Add(-ago), true
}

// cutUnit cuts a whole number of a unit off the beginning of a text, if there is
// one.
func cutUnit(s, unit string) (n int, rest string) {
	number, after, found := strings.Cut(s, unit)
	n, err := strconv.Atoi(number)
	if !found || err != nil || n < 0 || n > 99_999 || number[0] == '+' {
		return 0, s
	}
	return n, after
}

// parseClock reads a time of the day: the last one that is over.
func parseClock(s string, now time.Time) (time.Time, bool) {
	for _, layout := range clockLayouts {
		if c, err := time.Parse(layout, s); err == nil {
			t := time.Date(now.Year(), now.Month(), now.Day(), c.Hour(), c.Minute(), c.Second(), c.Nanosecond(), now.Location())
			if t.After(now) {
				t = t.AddDate(0, 0, -1)
			}
			return t, true
		}
	}
	return time.Time{}, false
}

func parseDate(s string, now time.Time) (time.Time, bool) {
	for _, layout := range dateLayouts {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
