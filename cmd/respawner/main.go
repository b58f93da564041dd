// Respawner runs any program and keeps it running, above all programs that
// put themselves into the background. See the package watch for how.
package main

import (
	"fmt"
	"os"
)

func main() {
	err := run(newApp(actions{start: start, stop: stop, status: status}), os.Args[1:])
	if err != nil && err.Error() != "" {
		fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error()))
	}
	os.Exit(exitCode(err))
}
