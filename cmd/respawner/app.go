package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"
)

// version is set by the linker (see Makefile).
var version = "dev"

// Exit codes of the command; those of status are LSB's (see statusCode).
const (
	exitFailure       = 1
	exitUsage         = 2
	exitNoService     = 3
	exitNotExecutable = 126
	exitNotFound      = 127
)

// usageError is a command line that cannot be meant: one line that says what
// is wrong and what would be right. Its exit code is exitUsage.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, a ...any) error {
	return usageError{fmt.Sprintf(format, a...)}
}

// exitError is an error with an exit code of its own. With an empty msg there
// is nothing left to say: only the code matters.
type exitError struct {
	code  int
	msg   string
	quote []string // what a program said of it
}

func (e exitError) Error() string { return e.msg }

// exitCode is the exit code that err asks for.
func exitCode(err error) int {
	var exit exitError
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &usage):
		return exitUsage
	}
	return exitFailure
}

// actions are what the commands do, once their options have been validated.
type actions struct {
	start, stop, status, adopt, upgrade, logs, reopen, list, tree, top func(options) error
}

// newApp is the command line: all options are the app's, because they may
// stand anywhere (see normalise).
func newApp(a actions) *cli.App {
	app := &cli.App{
		Name:        "respawner",
		Usage:       "keeps a program running",
		UsageText:   synopsis,
		Description: description,
		Version:     version,
		Flags:       flags(),
		Commands: []*cli.Command{
			newCommand("start", "start PROGRAM and watch it; return when it is up", startText, a.start),
			newCommand("stop", "end PROGRAM, all its processes and its supervisor", stopText, a.stop),
			newCommand("status", "tell how PROGRAM fares", statusText, a.status),
			newCommand("adopt", "go on with PROGRAM, whose supervisor has died", adoptText, a.adopt),
			newCommand("upgrade", "have the supervisor of PROGRAM go on as the respawner installed now", upgradeText, a.upgrade),
			newCommand("logs", "print what PROGRAM has written", logsText, a.logs),
			newCommand("reopen", "have log files opened anew, after they were moved", reopenText, a.reopen),
			newCommand("list", "tell of all services in a few words each", listText, a.list),
			newCommand("tree", "show the processes of services as trees", treeText, a.tree),
			newCommand("top", "watch all services, restart and stop them", topText, a.top),
		},
		Action: refuseCommand,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return usageError{err.Error()}
		},
		// Whoever calls run decides on messages and exit codes.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	app.Setup()
	return app
}

// newCommand leaves flags alone: normalise has put them before the command.
func newCommand(name, usage, text string, action func(options) error) *cli.Command {
	return &cli.Command{
		Name:               name,
		Usage:              usage,
		Description:        text,
		CustomHelpTemplate: commandHelp,
		HideHelp:           true,
		SkipFlagParsing:    true,
		Action: func(c *cli.Context) error {
			o, err := newOptions(c)
			if err != nil {
				return err
			}
			return action(o)
		},
	}
}

// run does what the words of a command line (without the program's name) ask.
func run(app *cli.App, words []string) error {
	argv, err := normalise(words, app.Flags)
	if err != nil {
		return err
	}
	return app.Run(append([]string{app.Name}, argv...))
}

// commandList is what a user may write.
const commandList = "start, stop, status, adopt, upgrade, logs or reopen"

// refuseCommand speaks when the first operand is none of the commands.
func refuseCommand(c *cli.Context) error {
	words := c.Args().Slice()
	if len(words) == 0 {
		return usagef("no command: write %s, then the program's name (respawner --help says more)", commandList)
	}
	hint := cli.SuggestCommand(c.App.Commands, words[0])
	if len(words) > 1 && c.App.Command(words[1]) != nil {
		hint = fmt.Sprintf("Did you mean \"%s %s\"?", words[1], words[0])
	}
	return usagef("unknown command %q: it must be %s. %s", words[0], commandList, hint)
}
