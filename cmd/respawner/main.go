package main

import (
	"fmt"
	"os"
)

func main() {
	err := run(newApp(commands()), os.Args[1:])
	if err != nil && err.Error() != "" {
		complain(err)
	}
	os.Exit(exitCode(err))
}

// complain says on stderr what went wrong.
func complain(err error) { fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error())) }
