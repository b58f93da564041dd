package main

import (
	"fmt"
	"os"
)

func main() {
	err := run(newApp(actions{start: start, stop: stop, status: status, list: list, tree: tree, top: top}), os.Args[1:])
	if err != nil && err.Error() != "" {
		fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error()))
	}
	os.Exit(exitCode(err))
}
