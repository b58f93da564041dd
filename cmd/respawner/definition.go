package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"respawner/watch"
	"respawner/watch/control"
)

// invocation is a start command to be run: the words behind respawner's own name, the environment and the folder.
type invocation struct {
	args []string
	env  []string
	dir  string
	halt int // the signal that ends what a dead supervisor has left, 0 for TERM
}

// thisCommand returns how this process was called.
func thisCommand() invocation {
	dir, _ := workFolder() // a folder that was removed: then there is none to go back to
	return invocation{args: os.Args[1:], env: without(os.Environ(), folderEnv), dir: dir}
}

// defined returns the start command that a definition stands for.
func defined(name string, def control.Definition) invocation {
	args := []string{"start"}
	if baseName(def.Program) != name {
		args = append(args, assign(flagName, name))
	}
	args = append(args, def.Options...)
	for i := range args[1:] {
		args[i+1] = "--" + args[i+1]
	}
	args = append(append(args, def.Program, "--"), def.Args...)
	return invocation{args: args, env: def.Env, dir: def.Dir}
}

// definition returns what the options define, with the program at path.
func (o options) definition(path string) control.Definition {
	return control.Definition{Program: path, Args: o.Args, Options: o.settings(), Dir: o.Folder, Env: without(os.Environ(), folderEnv)}
}

// settings returns the options of start that belong to a service, with what is in force. Whether the
// supervisor stays in the foreground does not, nor where its messages go because of that.
func (o options) settings() []string {
	all := []string{
		assign(flagLimit, strconv.Itoa(o.RespawnLimit)),
		assign(flagDelay, o.RespawnDelay.String()),
		assign(flagSuccess, strings.Join(numbers(o.SuccessCodes), ",")),
		assign(flagStopTimeout, o.StopTimeout.String()),
		assign(flagReload, signalWord(o.ReloadSignal)),
		assign(flagOutputSize, strconv.FormatInt(o.OutputSize, 10)),
		assign(flagOutputKeep, strconv.Itoa(o.OutputKeep)),
	}
	for _, path := range o.Clean {
		all = append(all, assign(flagClean, path))
	}
	return slices.Concat(all, o.choices())
}

// choices returns the settings that a definition has only when they were chosen.
func (o options) choices() (all []string) {
	choose := func(chosen bool, setting string) {
		if chosen {
			all = append(all, setting)
		}
	}
	choose(o.Follow == followOn, flagFollow)
	choose(o.Follow == followOff, flagNoFollow)
	choose(o.Pidfile != "", assign(flagPidfile, o.Pidfile))
	choose(o.Tracking != watch.TrackBest, assign(flagTracking, o.Tracking.String()))
	choose(o.ControlGroup != 0, assign(flagGroup, strconv.Itoa(o.ControlGroup)))
	choose(o.Log != logSyslog && o.Log != logStderr, assign(flagLog, o.Log))
	choose(o.Output != "", assign(flagOutput, o.Output))
	choose(o.PidDir == o.RuntimeDir, assign(flagRuntimeDir, o.RuntimeDir))
	return all
}

func assign(name, value string) string { return name + "=" + value }

func numbers(all []int) (words []string) {
	for _, n := range all {
		words = append(words, strconv.Itoa(n))
	}
	return words
}

// difference is one thing in which two definitions differ: what it is called, and its value in both.
type difference struct{ what, has, wants string }

func (d difference) String() string {
	return fmt.Sprintf("%s %s, not %s", d.what, cut(d.has, differenceWidth), cut(d.wants, differenceWidth))
}

// differenceWidth is the most that is shown of a value, in columns.
const differenceWidth = 60

// differences returns in what the definition has of a service differs from the definition wants of a
// start. Folder and environment don't count: a start from another shell means the same service.
func differences(has, wants control.Definition) []difference {
	all := commandDifferences(has, wants)
	for _, name := range optionNames(has, wants) {
		if a, b := valueIn(has, name), valueIn(wants, name); a != b {
			all = append(all, difference{"--" + name, a, b})
		}
	}
	return all
}

// commandDifferences returns in what the commands differ.
func commandDifferences(has, wants control.Definition) (all []difference) {
	if has.Program != wants.Program {
		all = append(all, difference{"program", has.Program, wants.Program})
	}
	if !slices.Equal(has.Args, wants.Args) {
		all = append(all, difference{"arguments", shellWords(has.Args), shellWords(wants.Args)})
	}
	return all
}

// optionNames returns the names of all options of the definitions, each once. The runtime directory
// is that in which both are.
func optionNames(defs ...control.Definition) (names []string) {
	for _, def := range defs {
		for _, option := range def.Options {
			if name, _, _ := strings.Cut(option, "="); name != flagRuntimeDir {
				names = append(names, name)
			}
		}
	}
	return once(names)
}

// valueIn returns the value of an option in a definition. Several values are joined.
func valueIn(def control.Definition, name string) string {
	var values []string
	for _, option := range def.Options {
		if key, value, _ := strings.Cut(option, "="); key == name {
			values = append(values, value)
		}
	}
	switch text := strings.Join(values, " "); {
	case values == nil:
		return "none"
	case text == "":
		return "given"
	default:
		return text
	}
}

// shellWords writes words as a shell would read them, "none" for no words.
func shellWords(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word == "" || strings.ContainsFunc(word, needsQuotes) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// needsQuotes reports whether a character may mean something to a shell.
func needsQuotes(r rune) bool {
	return !strings.ContainsRune("%+,-./:=@_^", r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}
