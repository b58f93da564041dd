package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	err := run(newApp(actions{
		start: start, stop: stop, status: status, adopt: adopt, upgrade: upgrade, logs: logs, reopen: reopen,
	}), os.Args[1:])
	complain(err)
	os.Exit(exitCode(err))
}

// complain says what went wrong, and what the program had to say of it.
func complain(err error) {
	if err != nil && err.Error() != "" {
		fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error()))
	}
	var exit exitError
	if errors.As(err, &exit) {
		for _, line := range exit.quote {
			fmt.Fprintf(os.Stderr, "  | %s\n", printable(line))
		}
	}
}
