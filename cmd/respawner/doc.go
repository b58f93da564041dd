// Command respawner starts a program, watches it and all it forks, and starts
// it again after a crash.
//
// A command line is put
// into urfave/cli's order (normalise), validated (newOptions), and handed to
// one of the commands. start becomes the supervisor: daemonizing lives here,
// because the library in watch must not daemonize its host; its log never
// blocks it (newLogger), and what the program writes is kept in files that
// rotate (outputFile), which logs reads (logFiles, logSource, following). The others are
// clients of the supervisor by way of watch/control; those that act on services
// go through each. What they show is lines of cells, which a display draws with
// or without colours; what a service's history comes to is told by story; top
// is a pure model that takes in what happens, between a room that learns it
// (topWatch) and one that has the terminal (screen).
package main
