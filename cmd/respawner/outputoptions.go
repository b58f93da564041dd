package main

import (
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// Bounds of what a user may ask for.
const (
	minOutputSize = 4 << 10
	maxOutputSize = 1 << 50
	maxOutputKeep = 1000
)

func (o *options) readOutput(c *cli.Context) (err error) {
	switch where := c.String(flagOutput); {
	case where == outputSyslog || where == outputNone:
		o.Output = where
	case where != "":
		o.Output, err = absolute(flagOutput, where)
	case c.IsSet(flagOutput):
		err = usagef("--output needs a value: syslog, none, or a file")
	}
	if err != nil {
		return err
	}
	if o.OutputSize, err = parseSize(c.String(flagOutputSize)); err != nil {
		return err
	}
	o.OutputKeep, err = strconv.Atoi(c.String(flagOutputKeep))
	if err != nil || o.OutputKeep < 0 || o.OutputKeep > maxOutputKeep {
		return usagef("bad --output-keep %q: it must be a whole number from 0 to %d", c.String(flagOutputKeep), maxOutputKeep)
	}
	return nil
}

// parseSize reads bytes, or a number of K, M or G, which are powers of 1024.
func parseSize(s string) (int64, error) {
	number, unit := s, int64(1)
	for suffix, bytes := range map[string]int64{"K": 1 << 10, "M": 1 << 20, "G": 1 << 30} {
		if n, ok := strings.CutSuffix(strings.ToUpper(s), suffix); ok {
			number, unit = n, bytes
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > maxOutputSize/unit || n > 0 && n*unit < minOutputSize {
		return 0, usagef("bad --output-size %q: it must be 0 (no limit), or at least 4K, such as 65536, 512K, 10M or 1G", s)
	}
	return n * unit, nil
}
