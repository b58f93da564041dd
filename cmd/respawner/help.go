package main

const synopsis = `respawner [options] COMMAND NAME... [-- ARGS...]

Options may stand anywhere before "--"; what follows it belongs to the PROGRAM
that is started. NAME may be a pattern, such as 'web*'.`

const description = `Starts a program, watches it and everything it forks, and starts it again after
a crash. The program may put itself into the background; it needs no pidfile.

   respawner start --follow-forks lighttpd -- -f /etc/lighttpd/lighttpd.conf
   respawner status lighttpd
   respawner stop lighttpd`

// appHelp is urfave/cli's, with the options of start, which most people look
// for.
const appHelp = `NAME:
   {{.Name}} - {{.Usage}}

USAGE:
   {{wrap .UsageText 3}}

DESCRIPTION:
   {{wrap .Description 3}}

COMMANDS (respawner COMMAND --help says more):{{range .VisibleCategories}}{{if .Name}}
   {{.Name}}:{{range .VisibleCommands}}
     {{.Name}}{{"\t"}}{{.Usage}}{{end}}{{end}}{{end}}

OPTIONS:{{range .VisibleFlags}}
   {{.}}{{end}}

OPTIONS OF start:{{range .Commands}}{{if eq .Name "start"}}{{range .VisibleFlags}}
   {{.}}{{end}}{{end}}{{end}}
`

// commandHelp is for the commands' own help.
const commandHelp = `NAME:
   {{.HelpName}} - {{.Usage}}

DESCRIPTION:
   {{wrap .Description 3}}
{{if .VisibleFlags}}
OPTIONS:{{range .VisibleFlags}}
   {{.}}{{end}}
{{end}}
COMMON OPTIONS:
   respawner --help lists them
`

const startText = `respawner [options] start PROGRAM [-- ARGS...]

Prints the main pid when PROGRAM is up, or why it could not be started.
PROGRAM that already runs is left alone.

Exit code: 0 it runs; 127 PROGRAM is not found, 126 it cannot be executed,
2 wrong usage, 1 any other failure.`

const stopText = `respawner [options] stop NAME...

Ends services and all they ever forked, all at once, and waits until nothing
is left. NAME may also be the path that the program was started by. On a
terminal it shows what it waits for.

Exit code: 0 none of them runs any more, or did; 2 wrong usage,
1 any other failure.`

const restartText = `respawner [options] restart [--json] NAME...

Ends services and starts them anew, with the arguments they were started with.
Prints the new main pid when a service is up again, or why it is not.

Exit code: 0 all are up again; 1 one is not, or had not been started;
2 wrong usage.`

const reloadText = `respawner [options] reload [--json] NAME...

Sends the main process the signal that start --reload-signal has named (HUP if
it has named none).

Exit code: 0 it was sent; 1 nobody is there to get it; 2 wrong usage.`

const signalText = `respawner [options] signal SIG [--all] [--json] NAME...

Sends a signal, such as USR1 or 10, to the main process of services. What the
program does then is its own business: one that ends is started again when
that was a crash.

Exit code: 0 it was sent; 1 nobody is there to get it; 2 wrong usage.`

const resetText = `respawner [options] reset [--json] NAME...

Counts the restarts of services from 0 again. One that waits before its next
start is started at once.

Exit code: 0 done; 1 it has no supervisor; 2 wrong usage.`

const statusText = `respawner [options] status [--json] NAME...

Prints state, processes, restarts and last exit; with --json one object,
for several names an array.

Exit code (LSB): 0 it runs; 3 it does not; 1 it is dead, but its pidfile or
lock is left; 4 nobody can tell; 2 wrong usage.`

const waitText = `respawner [options] wait [--for STATE] [--timeout SEC] [--json] NAME...

Waits until all services run, or until all have stopped. To run, one that
nobody has started yet is waited for as well; it counts as stopped.

Exit code: 0 it has come about; 124 SEC have passed; 1 it can't come about any
more, since a service has failed or ended; 2 wrong usage.`

const eventsText = `respawner [options] events [-f] [--json] [NAME...]

Prints what was recorded of services, or with -f what happens from now on,
until their supervisors have ended or you end it. Without a NAME it is all
services. With --json each line is one object.

Exit code: 0 all was told; 1 something could not be; 2 wrong usage.`

const historyText = `respawner [options] history [-n NUM] [--json] NAME...

Tells of each life of services: how long it was up, which process died first
and of what, what was killed with it, and what else came about. It needs no
supervisor. With --json it is one array of events.

Exit code: 0 all was told; 1 nothing is recorded; 2 wrong usage.`
