package main

import (
	"errors"
	"fmt"
	"os"
)

func main() {
	catchEarly()
	err := run(newApp(commands()), os.Args[1:])
	if err != nil && err.Error() != "" {
		complain(err)
	}
	os.Exit(exitCode(err))
}

// complain prints an error on stderr, and what the program wrote about it.
func complain(err error) {
	fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error()))
	var exit exitError
	if errors.As(err, &exit) {
		for _, line := range exit.quote {
			fmt.Fprintf(os.Stderr, "  | %s\n", printable(line))
		}
	}
}
