package main

import (
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"respawner/watch/control"
)

const maxNameLen = 64

// operands returns the command's words up to "--". The words behind it are ARGS.
func (o *options) operands(c *cli.Context) []string {
	words := c.Args().Slice()
	if i := slices.Index(words, "--"); i >= 0 {
		words, o.Args = words[:i], words[i+1:]
	}
	return words
}

// readProgram makes sure that start has exactly one program.
func (o *options) readProgram(c *cli.Context) error {
	words := o.operands(c)
	switch {
	case len(words) == 0 || words[0] == "":
		return usagef("no program: write respawner start PROGRAM [-- ARGS...]")
	case len(words) > 1:
		return usagef("one program at a time, but got %q too: the program's own arguments go after --", words[1])
	}
	o.Program, o.Replace = words[0], c.Bool(flagReplace)
	o.Bare = o.Args == nil && !strings.Contains(o.Program, "/") && !c.IsSet(flagName) && !saysHow(c)
	if err := o.setNames(c, words); err != nil {
		return err
	}
	if isPattern(o.Name) { // stop and status would take it for a pattern
		return usagef("bad service name %q: it must not contain *, ?, [ or \\; choose one with --name", o.Name)
	}
	return nil
}

// saysHow reports whether the command line of a start has an option that says how the program is to be run.
func saysHow(c *cli.Context) bool {
	return slices.ContainsFunc(c.Command.Flags, func(f cli.Flag) bool {
		name := f.Names()[0]
		return c.IsSet(name) && !slices.Contains(f.Names(), flagForeground)
	})
}

// readNames takes the names of services, at least one.
func (o *options) readNames(c *cli.Context) error {
	if err := o.readSomeNames(c); err != nil || len(o.Names) > 0 {
		return err
	}
	return usagef("no program: write respawner %s NAME...", c.Command.Name)
}

// readSomeNames takes the names of services, none included.
func (o *options) readSomeNames(c *cli.Context) error { return o.setNames(c, o.operands(c)) }

// readNoNames is for commands that are about all services.
func (o *options) readNoNames(c *cli.Context) error {
	if err := o.readSomeNames(c); err != nil || len(o.Names) == 0 {
		return err
	}
	return usagef("%s takes no name: it tells of all services; status or tree NAME shows one", c.Command.Name)
}

// readNothing refuses all words.
func (o *options) readNothing(c *cli.Context) error {
	if words := o.operands(c); len(words) > 0 {
		return usagef("%s takes no name, but got %q", c.Command.Name, words[0])
	}
	return nil
}

// readSignalAndNames takes a signal, and the services that get it.
func (o *options) readSignalAndNames(c *cli.Context) (err error) {
	words := o.operands(c)
	if len(words) == 0 || len(words) == 1 && !c.IsSet(flagName) {
		return usagef("too few words: write respawner signal SIG NAME..., for example respawner signal USR1 webserver")
	}
	if o.Signal, err = parseSignal(words[0]); err != nil {
		return err
	}
	o.All = c.Bool(flagAll)
	return o.setNames(c, words[1:])
}

// setNames makes names of words, which may be paths. --name takes the place of
// the one name that the program gives.
func (o *options) setNames(c *cli.Context, words []string) error {
	for _, word := range words {
		o.Names = append(o.Names, baseName(word))
	}
	if c.IsSet(flagName) {
		if len(o.Names) > 1 {
			return usagef("--name names one service, but got %d names besides", len(o.Names))
		}
		o.Names = []string{c.String(flagName)}
	}
	for _, name := range o.Names {
		if why := nameFault(name); why != "" {
			return usagef("bad service name %q: %s; choose one with --name", name, why)
		}
		o.Name = o.Names[0]
	}
	return nil
}

// baseName returns the name that a program's path gives to its service.
func baseName(path string) string {
	if path == "" {
		return ""
	}
	return filepath.Base(path)
}

// nameFault returns why name cannot be part of file names and log lines. It is empty
// when it can.
func nameFault(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > maxNameLen:
		return "it is longer than " + strconv.Itoa(maxNameLen) + " bytes"
	case name == "." || name == "..":
		return "it means a directory"
	case strings.Contains(name, "/"):
		return "it must not contain /"
	case name[0] == '-' || name[0] == '.':
		return "it must not begin with " + name[:1]
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "it must be printable text"
	}
	return ""
}

// allNames is the pattern of all services.
const allNames = "*"

// matching finds the services that words name: themselves, or as patterns of a
// shell. They keep the order of the words, and come once each. The directory is
// nil where there is none.
func matching(dir *control.Dir, list lister, words []string) ([]string, error) {
	if !slices.ContainsFunc(words, isPattern) {
		return once(words), nil
	}
	var known []string
	if dir != nil {
		var err error
		if known, err = list(dir); err != nil {
			return nil, err
		}
	}
	return expand(known, words)
}

func isPattern(word string) bool { return strings.ContainsAny(word, `*?[\`) }

// expand puts in the place of each pattern the known names that match it. One
// that is itself a name means that.
func expand(known, words []string) ([]string, error) {
	var names []string
	for _, word := range words {
		if !isPattern(word) || slices.Contains(known, word) {
			names = append(names, word)
			continue
		}
		matched := false
		for _, name := range known {
			matches, err := path.Match(word, name)
			if err != nil {
				return nil, usagef("bad pattern %q: %v", word, err)
			}
			if matches && nameFault(name) == "" {
				matched, names = true, append(names, name)
			}
		}
		if !matched {
			return nil, exitError{code: exitFailure, msg: "no service matches " + word + "; is it in another --runtime-dir?"}
		}
	}
	return once(names), nil
}

// once keeps the first of each.
func once(names []string) []string {
	var out []string
	for _, name := range names {
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
