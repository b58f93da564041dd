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

const listText = `respawner [options] list [--json]

Shows all services of the runtime directory, a line each; with --json an array
of what status --json prints. Columns are two blanks apart; none is empty.

Exit code: 0, whatever runs or not; 2 wrong usage, 1 any other failure.`

const treeText = `respawner [options] tree [NAME...]

Shows the processes of the services, of all when none is named, with their
age, processor time, resident memory and command line.

Exit code: 0, whatever runs or not; 2 wrong usage, 1 one could not be asked.`

const topText = `respawner [options] top

Shows all services of the runtime directory and what they use, until q is
pressed. Arrows or j and k select one; enter or t shows its processes, r
restarts it, s stops it.

CPU% is of one processor. MEM is the proportional set size of all processes,
in which shared memory counts once; where the kernel tells only the resident
size of some, in which it counts for each, an upper bound as in <12M.

Exit code: 0, 2 wrong usage, 1 any other failure.`
