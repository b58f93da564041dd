package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// aliases are other words for commands, as other tools have them.
func aliases() map[string][]string {
	return map[string][]string{"list": {"ls", "ps"}, "status": {"show"}}
}

// elsewhere are commands of other tools, and what they are called here.
func elsewhere() map[string]string {
	return map[string]string{
		"run": "start", "up": "start", "launch": "start", "exec": "start",
		"down": "stop", "end": "stop", "kill": "stop", "terminate": "stop",
		"rm": "forget", "remove": "forget", "del": "forget", "delete": "forget",
		"log": "logs", "tail": "logs", "attach": "logs -f", "info": "status", "describe": "status", "inspect": "status",
		"monit": "top", "monitor": "top", "recover": "adopt",
	}
}

// unknownCommand returns the error of a command line whose first operand is none of
// the commands: with the command line that was meant, where that can be told.
func unknownCommand(app *cli.App, words []string, p *permuter) error {
	command, at := p.operands[0], p.places[0]
	if here, known := elsewhere()[command]; known {
		return usagef("unknown command %q: here it is %s", command, meant(swapped(words, at, strings.Fields(here)...)))
	}
	if len(p.operands) > 1 && app.Command(p.operands[1]) != nil {
		right := swapped(swapped(words, at, p.operands[1]), p.places[1], command)
		return usagef("unknown command %q: did you mean %s?", command, meant(right))
	}
	var names []string
	for _, c := range app.Commands {
		names = append(names, c.Names()...)
	}
	if near := nearest(command, names); near != "" {
		return usagef("unknown command %q: did you mean %s?", command, meant(swapped(words, at, near)))
	}
	return usagef("unknown command %q: respawner --help lists them all", command)
}

// unknownOptionError is an option that no command has, with the one that it is near to,
// if there is one.
type unknownOptionError struct{ spelling, near string }

func (e unknownOptionError) Error() string {
	if e.near != "" {
		return fmt.Sprintf("unknown option %q: did you mean %s?", e.spelling, e.near)
	}
	return fmt.Sprintf("unknown option %q: respawner --help lists them all", e.spelling)
}

// Unwrap says that it is a wrong command line.
func (e unknownOptionError) Unwrap() error { return usageError{e.Error()} }

// longOptions are the known options with two dashes, in order.
func longOptions(known map[string]arity) (long []string) {
	for name := range known {
		if strings.HasPrefix(name, "--") {
			long = append(long, name)
		}
	}
	slices.Sort(long)
	return long
}

// argsMeant returns the error of a start whose word number i is the program's own,
// though no "--" stands before it.
func argsMeant(words []string, i int, program, why string) error {
	if at := slices.Index(words, program); isAssignment(program) {
		line := "env " + shellWords([]string{program}) + " " + meant(swapped(words, at))
		return usagef("%q is no program: what stands before respawner is in the program's environment: %s", program, line)
	}
	return usagef("%s; what is %s's goes after --: %s", why, program, meant(withArgs(words, i)))
}

// isAssignment reports whether a word sets a variable, to a shell.
func isAssignment(word string) bool {
	name, _, found := strings.Cut(word, "=")
	isLetter := func(r rune) bool { return r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }
	return found && name != "" && isLetter(rune(name[0])) &&
		strings.TrimFunc(name, func(r rune) bool { return isLetter(r) || r >= '0' && r <= '9' }) == ""
}

// withArgs returns the words with "--" before word number i, and without a later "--".
func withArgs(words []string, i int) []string {
	args := slices.Clone(words[i:])
	if j := slices.Index(args, "--"); j >= 0 {
		args = slices.Delete(args, j, j+1)
	}
	return slices.Concat(words[:i], []string{"--"}, args)
}

// lookUpMeant is lookUp that says which command line was meant by a program that is one.
func lookUpMeant(program string) (string, error) {
	path, err := lookUp(program)
	if line := programMeant(os.Args[1:], program); err != nil && line != "" {
		err = fmt.Errorf("%w; did you mean %s?", err, line)
	}
	return path, err
}

// programMeant is the command line that was meant by one whose program has blanks in
// it, since it is a command line itself, or a shell's; empty for any other program.
func programMeant(words []string, program string) string {
	fields, at := strings.Fields(program), slices.Index(words, program)
	if strings.ContainsAny(program, "&|;<>()$`\"'\\*?#~\n") {
		fields = []string{"sh", "-c", program}
	}
	if len(fields) < 2 || at < 0 {
		return ""
	}
	if _, err := lookUp(fields[0]); err != nil {
		return ""
	}
	var args []string
	if i := slices.Index(words, "--"); i >= 0 {
		words, args = words[:i], words[i+1:]
	}
	return meant(slices.Concat(swapped(words, at, fields[0]), []string{"--"}, fields[1:], args))
}

// swapped returns the words with others in the place of word number i.
func swapped(words []string, i int, others ...string) []string {
	return slices.Concat(words[:i], others, words[i+1:])
}

// meant returns a command line of respawner, as a shell reads it.
func meant(words []string) string {
	return shellWords(append([]string{"respawner"}, words...))
}

// nearest returns the known word that a mistyped one is near to, the first of several: a
// letter in three is wrong, or they stand in another order. It is empty where none is near.
func nearest(word string, known []string) string {
	best, least := "", max(len(strings.TrimLeft(word, "-"))/3, 1)+1
	for _, k := range known {
		if d := distance(word, k); d < least && len(word) > 2 {
			best, least = k, d
		}
	}
	return best
}

// distance returns how many letters have to be changed, added or taken away to make one word
// of another; 1 where their order is all that differs.
func distance(a, b string) int {
	if a != b && slices.Equal(sorted(a), sorted(b)) {
		return 1
	}
	return smetrics.WagnerFischer(a, b, 1, 1, 1)
}

func sorted(word string) []string { return slices.Sorted(slices.Values(strings.Split(word, ""))) }
