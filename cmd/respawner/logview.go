package main

import (
	"regexp"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
)

// view is what logs prints.
type view struct {
	Lines  int // the last ones; allLines for all
	Since  time.Time
	Until  time.Time      // zero: no end
	Grep   *regexp.Regexp // nil: all lines
	Follow bool
}

const (
	allLines     = -1
	defaultLines = 20
)

// picks reports whether lines are picked by what they are, and not by their
// place alone.
func (v view) picks() bool { return v.Grep != nil || !v.Until.IsZero() }

func (o *options) readView(c *cli.Context) (err error) {
	o.View = view{Lines: defaultLines, Follow: c.Bool(flagStream)}
	now := time.Now()
	for flag, at := range map[string]*time.Time{flagSince: &o.View.Since, flagUntil: &o.View.Until} {
		if c.IsSet(flag) {
			o.View.Lines = allLines
			if *at, err = parseWhen(flag, c.String(flag), now); err != nil {
				return err
			}
		}
	}
	if c.IsSet(flagGrep) {
		o.View.Lines = allLines
		if o.View.Grep, err = regexp.Compile(c.String(flagGrep)); err != nil {
			return usagef("bad --grep %q: %v", c.String(flagGrep), err)
		}
	}
	if c.IsSet(flagLines) {
		o.View.Lines, err = parseLines(c.String(flagLines))
	}
	if err == nil && o.View.Follow && c.IsSet(flagUntil) {
		err = usagef("--until and -f exclude each other: what is to come is later")
	}
	return err
}

func parseLines(s string) (int, error) {
	if s == "all" {
		return allLines, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, usagef("bad --lines %q: it must be a whole number, or all", s)
	}
	return n, nil
}
