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
	exitTimeout       = 124 // as that of timeout(1)
	exitNoService     = 3
	exitNotExecutable = 126
	exitNotFound      = 127
)

// usageError is the error of a wrong command line. It is one line that says what
// is wrong and what would be right. Its exit code is exitUsage.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

func usagef(format string, a ...any) error {
	return usageError{fmt.Sprintf(format, a...)}
}

// exitError is an error with an exit code of its own. An empty msg
// prints nothing: only the code matters.
type exitError struct {
	code  int
	msg   string
	quote []string // what a program wrote about it
}

func (e exitError) Error() string { return e.msg }

// exitCode returns the exit code for an error.
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

// newApp returns the command line. Its own options are common to all commands.
func newApp(all []command) *cli.App {
	cli.HelpPrinter = printHelp
	app := &cli.App{
		Name:                  "respawner",
		Usage:                 "keeps a program running",
		UsageText:             synopsis,
		Description:           description,
		Version:               version,
		Flags:                 commonFlags(),
		CustomAppHelpTemplate: appHelp,

		DisableSliceFlagSeparator: true, // a path may have a comma in it
		Action:                    func(*cli.Context) error { return noCommand() },
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return usageError{err.Error()}
		},
		// The caller of run decides on messages and exit codes.
		ExitErrHandler: func(*cli.Context, error) {},
	}
	for _, c := range all {
		app.Commands = append(app.Commands, c.cli())
	}
	app.Setup()
	return app
}

// run carries out a command line, given without the program's name.
func run(app *cli.App, words []string) error {
	argv, err := normalise(words, app)
	if err != nil {
		return err
	}
	return app.Run(append([]string{app.Name}, argv...))
}

func printVersion(options) error {
	_, err := fmt.Println("respawner version " + version)
	return err
}

func noCommand() error {
	return usagef("no command: write respawner start PROGRAM, say; respawner --help lists all commands")
}
