package main

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/urfave/cli/v2"
)

// normalise orders the words of a command line (without the program's own
// name) the way urfave/cli reads them: options, then operands, then "--" and
// the ARGS untouched. The seed's getopt permutes, so users may put an option
// before the command, after it, or after the program's name; urfave stops
// looking for options at the first operand.
func normalise(words []string, flags []cli.Flag) ([]string, error) {
	var args []string
	if i := slices.Index(words, "--"); i >= 0 {
		words, args = words[:i], words[i:]
	}
	known := optionsBySpelling(flags)
	p, err := permute(words, known)
	if err == nil && p.command() == "logs" {
		known["-n"] = known[dashed(flagLines)] // has a value either way
		p, err = permute(words, known)
	}
	if err != nil {
		return nil, err
	}
	if len(p.operands) == 0 && args != nil {
		// urfave would take the first of ARGS for the command.
		return nil, usagef(`no command before "--": write %s, then the program's name`, commandList)
	}
	return slices.Concat(p.options, p.operands, args), nil
}

// optionalValue is a string flag whose value may be left out: the next word is
// its value only when that begins with "/".
type optionalValue struct{ *cli.StringFlag }

// arity says whether an option has a value.
type arity int

const (
	noValue arity = iota
	mayHaveValue
	needsValue
)

// option is what normalise must know of a flag: one name for all its
// spellings, since urfave refuses two forms of one flag in a command line.
type option struct {
	name  string
	arity arity
}

// optionsBySpelling indexes flags by what users type: "-n", "--respawn-limit".
func optionsBySpelling(flags []cli.Flag) map[string]option {
	known := make(map[string]option)
	for _, f := range flags {
		o := option{name: f.Names()[0], arity: arityOf(f)}
		for _, name := range f.Names() {
			known[dashed(name)] = o
		}
	}
	return known
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

// permuter sorts the words of a command line into options and operands.
type permuter struct {
	known    map[string]option
	todo     []string
	options  []string
	operands []string
}

func permute(words []string, known map[string]option) (permuter, error) {
	p := permuter{known: known, todo: words}
	for len(p.todo) > 0 {
		if err := p.step(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *permuter) command() string {
	if len(p.operands) == 0 {
		return ""
	}
	return p.operands[0]
}

// step deals with the next word, and with the one after it where that is the
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
		value, attached := attachedValue(p.known[spelling].arity, letters)
		if attached {
			letters = ""
		}
		if err := p.add(spelling, value, attached); err != nil {
			return err
		}
	}
	return nil
}

// attachedValue tells whether rest, which follows a short option in the same
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

// add appends one option in the form urfave cannot mistake: --name or
// --name=value, whatever the value looks like.
func (p *permuter) add(spelling, value string, attached bool) error {
	o, ok := p.known[spelling]
	if !ok {
		return usagef("unknown option %q: respawner --help lists them all", spelling)
	}
	if o.arity == noValue {
		if attached {
			return usagef("option %s takes no value, but got %q", spelling, value)
		}
		p.options = append(p.options, "--"+o.name)
		return nil
	}
	if !attached {
		var err error
		if value, err = p.nextValue(spelling, o.arity); err != nil {
			return err
		}
	}
	p.options = append(p.options, "--"+o.name+"="+value)
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
