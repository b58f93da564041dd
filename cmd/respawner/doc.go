// Command respawner starts a program, watches it and all it forks, and starts
// it again after a crash.
//
// This package is words and flags in, exit codes out. A command line is put
// into urfave/cli's order (normalise), validated (newOptions), and handed to
// one of the actions. start becomes the supervisor: daemonizing lives here,
// because the library in watch must not daemonize its host; its log never
// blocks it (newLogger), and what the program writes is kept in files that
// rotate (outputFile), which logs reads (history, follow). stop, status and
// reopen are clients of the supervisor by way of watch/control; what status
// shows is drawn by render.
package main
