package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// normalise orders the words of a command line (without the program's own
// name) the way urfave/cli reads them: options common to all commands, the
// command, its own options, "--", operands, and "--" with the ARGS untouched.
// The seed's getopt permutes, so users may put an option before the command,
// after it, or after the program's name; urfave stops looking for options at
// the first operand.
func normalise(words []string, app *cli.App) ([]string, error) {
	var args []string
	if i := slices.Index(words, "--"); i >= 0 {
		words, args = words[:i], words[i:]
	}
	p := permuter{arities: aritiesOf(app), all: len(words), todo: words}
	for len(p.todo) > 0 {
		at := len(words) - len(p.todo)
		err := p.step()
		if why := p.isOfProgram(app, err); why != "" {
			return nil, argsMeant(slices.Concat(words, args), at, p.operands[1], why)
		}
		if err != nil {
			return nil, err
		}
	}
	if len(p.operands) == 0 && args != nil {
		return nil, noCommand() // urfave would take the first of ARGS for it
	}
	return p.inOrder(app, slices.Concat(words, args), args)
}

// isOfProgram returns why the last word that was read must belong to the program of a
// start: it is an option that start does not have, or one more
// operand. It returns "" where the word need not be the program's.
func (p *permuter) isOfProgram(app *cli.App, err error) string {
	if len(p.operands) < 2 || p.operands[0] != "start" {
		return ""
	}
	var unknown unknownOptionError
	switch {
	case errors.As(err, &unknown) && nearest(unknown.spelling, longOptions(p.arities)) == "":
		return fmt.Sprintf("unknown option %q", unknown.spelling)
	case err != nil:
		return ""
	case len(p.operands) > 2:
		return fmt.Sprintf("one program at a time, but got %q too", p.operands[2])
	case len(p.options) > 0:
		return misplaced(app, "start", p.options[len(p.options)-1].spelling)
	}
	return ""
}

// misplaced returns which commands take an option that this command does not take. It returns ""
// for an option that the command takes.
func misplaced(app *cli.App, command, spelling string) string {
	if flagCalled(spelling, app.Flags) != nil || flagCalled(spelling, app.Command(command).Flags) != nil {
		return ""
	}
	return fmt.Sprintf("option %s does not belong to %s, but to %s", spelling, command, takers(app, spelling))
}

// inOrder gives each option to the side that takes it: the app, or the command.
func (p *permuter) inOrder(app *cli.App, words, args []string) ([]string, error) {
	command := &cli.Command{}
	if len(p.operands) > 0 {
		if command = app.Command(p.operands[0]); command == nil {
			return nil, unknownCommand(app, words, p)
		}
	}
	var common, own []string
	for _, o := range p.options {
		if f := flagCalled(o.spelling, app.Flags); f != nil {
			common = append(common, o.word(f))
		} else if f := flagCalled(o.spelling, command.Flags); f != nil {
			own = append(own, o.word(f))
		} else if command.Name != "" {
			return nil, usageError{misplaced(app, command.Name, o.spelling)}
		}
	}
	if command.Name == "" {
		return common, nil
	}
	if command.Name != "start" && len(args) > 1 {
		return nil, usagef("%s takes no arguments after --: respawner start --replace PROGRAM -- %s runs a program with others", command.Name, shellWords(args[1:]))
	}
	return slices.Concat(common, []string{command.Name}, own, []string{"--"}, p.operands[1:], args), nil
}

// takers returns the names of the commands that take an option.
func takers(app *cli.App, spelling string) string {
	var names []string
	for _, c := range app.Commands {
		if flagCalled(spelling, c.Flags) != nil {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// optionalValue is a string flag whose value may be left out: the next word is
// its value only when that begins with "/".
type optionalValue struct{ *cli.StringFlag }

// arity is whether an option has a value.
type arity int

const (
	noValue arity = iota
	mayHaveValue
	needsValue
)

// aritiesOf returns the arity of each option by its spelling: "-n", "--respawn-limit".
// A spelling may mean different options to different commands, but
// it must have the same arity for all of them.
func aritiesOf(app *cli.App) map[string]arity {
	known := make(map[string]arity)
	note := func(flags []cli.Flag) {
		for _, f := range flags {
			for _, name := range f.Names() {
				known[dashed(name)] = arityOf(f)
			}
		}
	}
	note(app.Flags)
	for _, c := range app.Commands {
		note(c.Flags)
	}
	return known
}

// flagCalled returns the flag with a spelling, nil for none.
func flagCalled(spelling string, flags []cli.Flag) cli.Flag {
	for _, f := range flags {
		if slices.ContainsFunc(f.Names(), func(name string) bool { return dashed(name) == spelling }) {
			return f
		}
	}
	return nil
}

func arityOf(f cli.Flag) arity {
	if _, ok := f.(optionalValue); ok {
		return mayHaveValue
	}
	if d, ok := f.(cli.DocGenerationFlag); ok && d.TakesValue() {
		return needsValue
	}
	return noValue
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// option is one option of a command line.
type option struct {
	spelling string
	value    string
}

// word returns the option in a form that urfave cannot mistake, --name or
// --name=value, whatever the value looks like. All spellings get one name,
// since urfave refuses two forms of one flag in a command line.
func (o option) word(f cli.Flag) string {
	if arityOf(f) == noValue {
		return "--" + f.Names()[0]
	}
	return "--" + f.Names()[0] + "=" + o.value
}

// permuter sorts the words of a command line into options and operands.
type permuter struct {
	arities  map[string]arity
	all      int // the number of words
	todo     []string
	options  []option
	operands []string
	places   []int // of the operands among the words
}

// step reads the next word, and the word after it where that is the
// value of an option.
func (p *permuter) step() error {
	word := p.take()
	switch {
	case strings.HasPrefix(word, "--"):
		spelling, value, attached := strings.Cut(word, "=")
		return p.add(spelling, value, attached)
	case len(word) > 1 && word[0] == '-':
		return p.bundle(word[1:])
	default:
		p.operands = append(p.operands, word)
		p.places = append(p.places, p.all-len(p.todo)-1)
		return nil
	}
}

func (p *permuter) take() string {
	word := p.todo[0]
	p.todo = p.todo[1:]
	return word
}

// bundle reads short options that share one dash: -D, -n3, -Dn3, -t=0.5. The
// first that has a value takes what is left of the word.
func (p *permuter) bundle(letters string) error {
	for letters != "" {
		_, size := utf8.DecodeRuneInString(letters)
		spelling := "-" + letters[:size]
		letters = letters[size:]
		value, attached := attachedValue(p.arities[spelling], letters)
		if attached {
			letters = ""
		}
		if err := p.add(spelling, value, attached); err != nil {
			return err
		}
	}
	return nil
}

// attachedValue reports whether rest, which follows a short option in the same
// word, is the option's value.
func attachedValue(a arity, rest string) (string, bool) {
	switch {
	case a == needsValue && rest != "",
		a == mayHaveValue && strings.HasPrefix(rest, "="),
		a == mayHaveValue && strings.HasPrefix(rest, "/"):
		return strings.TrimPrefix(rest, "="), true
	}
	return "", false
}

// add adds one option, with its value if it has one.
func (p *permuter) add(spelling, value string, attached bool) error {
	arity, ok := p.arities[spelling]
	switch {
	case !ok:
		return unknownOptionError{spelling, nearest(spelling, longOptions(p.arities))}
	case arity == noValue && attached:
		return usagef("option %s takes no value, but got %q", spelling, value)
	case arity != noValue && !attached:
		var err error
		if value, err = p.nextValue(spelling, arity); err != nil {
			return err
		}
	}
	p.options = append(p.options, option{spelling, value})
	return nil
}

// nextValue takes the value of an option from the next word; one that begins
// with a dash is a value too, so that -n -1 is refused as a number.
func (p *permuter) nextValue(spelling string, a arity) (string, error) {
	switch {
	case a == mayHaveValue && (len(p.todo) == 0 || !strings.HasPrefix(p.todo[0], "/")):
		return "", nil
	case len(p.todo) == 0:
		return "", usagef("option %s needs a value", spelling)
	}
	return p.take(), nil
}
