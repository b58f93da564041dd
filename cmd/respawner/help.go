package main

const synopsis = `respawner [options] start|stop|status|logs|reopen PROGRAM [-- ARGS...]

Options may stand anywhere before "--"; what follows it belongs to PROGRAM.`

const description = `Starts a program, watches it and everything it forks, and starts it again after
a crash. The program may put itself into the background; it needs no pidfile.

   respawner start --follow-forks lighttpd -- -f /etc/lighttpd/lighttpd.conf
   respawner status lighttpd
   respawner logs -f lighttpd
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

Prints the main pid when PROGRAM is up, or why it could not be started, and
what PROGRAM wrote last. What it writes is kept (see logs).
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
const logsText = `respawner [options] logs [-f] [-n N] [--since WHEN] PROGRAM

Prints the last 20 lines that PROGRAM has written to stdout and stderr, each
with its time; -n N the last N (all: all that is kept), --since 10m or
--since "2026-11-23 22:00" those from then on, -f also what is to come. On a
terminal control characters are shown, not obeyed; else all is as it was written.

Exit code: 0 printed; 3 there is no such log; 2 wrong usage, 1 any other
failure, or the output is not kept in a file.`

const reopenText = `respawner [options] reopen PROGRAM...

Has the supervisor close its log files and open them anew: the program's
output and its own --log file. That is for logrotate, which has moved them;
USR1 to the supervisor does the same.

Exit code: 0 it was told; 3 one has no supervisor; 2 wrong usage, 1 any other
failure.`

const upgradeText = `respawner [options] upgrade PROGRAM...

Has the supervisor go on as the respawner that is installed now, in the same
process: nothing is restarted, no exit status is lost, no client is hung up on.
One that can't take over is not exec'ed.

Exit code: 0 it did; 2 wrong usage, 1 any other failure: the supervisor goes on
as it was.`
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
