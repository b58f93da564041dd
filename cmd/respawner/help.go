package main

const synopsis = `respawner [options] start|stop|status PROGRAM [-- ARGS...]

Options may stand anywhere before "--"; what follows it belongs to PROGRAM.`

const description = `Starts a program, watches it and everything it forks, and starts it again after
a crash. The program may put itself into the background; it needs no pidfile.

   respawner start --follow-forks lighttpd -- -f /etc/lighttpd/lighttpd.conf
   respawner status lighttpd
   respawner stop lighttpd`

// commandHelp is for the commands' own help. It has no options since all
// commands share the app's.
const commandHelp = `NAME:
   {{.HelpName}} - {{.Usage}}

DESCRIPTION:
   {{wrap .Description 3}}

OPTIONS:
   respawner --help lists them all
`

const startText = `respawner [options] start PROGRAM [-- ARGS...]

Prints the main pid when PROGRAM is up, or why it could not be started.
PROGRAM that already runs is left alone.

Exit code: 0 it runs; 127 PROGRAM is not found, 126 it cannot be executed,
2 wrong usage, 1 any other failure.`

const stopText = `respawner [options] stop PROGRAM...

Ends the service and all it ever forked, and waits until nothing is left.
PROGRAM may be the name of the service, or the path it was started by.

Exit code: 0 it does not run any more, or did not; 2 wrong usage,
1 any other failure.`

const statusText = `respawner [options] status [--json] PROGRAM...

Prints state, processes, restarts and last exit; with --json one object,
for several names an array.

Exit code (LSB): 0 it runs; 3 it does not; 1 it is dead, but its pidfile or
lock is left; 4 nobody can tell; 2 wrong usage.`

const adoptText = `respawner [options] adopt PROGRAM...

Gives a service whose supervisor has died (kill -9) a new one: all that runs
of it is taken over, and what was under way, a restart or a stop, goes on.
start does the same, and has the service run whatever was under way.

Exit code: 0 it has a supervisor; 2 wrong usage, 1 any other failure.`
