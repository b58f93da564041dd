package main

const synopsis = `respawner [options] COMMAND NAME... [-- ARGS...]

Options may stand anywhere before "--"; what follows it belongs to the PROGRAM
that is started. NAME may be a pattern, such as 'web*'.`

const description = `Starts a program, watches it and everything it forks, and starts it again after
a crash. The program may put itself into the background; it needs no pidfile.

   respawner start --follow-forks lighttpd -- -f /etc/lighttpd/lighttpd.conf
   respawner status lighttpd
   respawner stop lighttpd`

// appHelp is the help of respawner itself, with the options of start, which most people
// look for. text, entry and option are helpFuncs.
const appHelp = `NAME:
{{text (printf "%s - %s" .Name .Usage)}}

USAGE:
{{text .UsageText}}

DESCRIPTION:
{{text .Description}}

COMMANDS (respawner COMMAND --help says more):{{range .VisibleCategories}}{{if .Name}}
   {{.Name}}:{{range .VisibleCommands}}
{{entry 15 (printf "  %s" .Name) .Usage}}{{end}}{{end}}{{end}}

OPTIONS:{{range .VisibleFlags}}
{{option .}}{{end}}

OPTIONS OF start:{{range .Commands}}{{if eq .Name "start"}}{{range .VisibleFlags}}
{{option .}}{{end}}{{end}}{{end}}
`

// commandHelp is for the commands' own help.
const commandHelp = `NAME:
{{text (printf "%s - %s" .HelpName .Usage)}}

DESCRIPTION:
{{text .Description}}
{{if .VisibleFlags}}
OPTIONS:{{range .VisibleFlags}}
{{option .}}{{end}}
{{end}}
COMMON OPTIONS:
   respawner --help lists them
`

const startText = `respawner [options] start PROGRAM [-- ARGS...]

Prints the main pid when PROGRAM is up, or why it could not be started.
PROGRAM that already runs is left alone; if it runs with another command or
other options, start says with which, and fails. --replace ends it first.

One word alone, respawner start NAME, starts a service that was started before
as it was then: its command, options, folder and environment. With options,
with -- or with a path it is always a PROGRAM.

Exit code: 0 it runs as asked; 127 PROGRAM is not found, 126 it cannot be executed,
2 wrong usage, 1 any other failure. With -D it is PROGRAM's own, 128+N if
signal N killed it.`

const stopText = `respawner [options] stop NAME...

Ends services and all they ever forked, all at once, and waits until nothing
is left. NAME may also be the path that the program was started by. On a
terminal it shows what it waits for. What is being stopped already gets the
time or the signal that is asked for anew. A service that has ended is
remembered: start NAME or restart NAME starts it as before, forget NAME leaves
nothing of it.

Exit code: 0 none of them runs any more, or did; 2 wrong usage,
1 any other failure; no service of that name was ever started here.`

const forgetText = `respawner [options] forget [--json] NAME...

Removes all that is kept of services that have ended: how to start them, their
last words, their history, and what they have written, unless start --output
has said where to. One that has a supervisor is to be stopped first.

Exit code: 0 they are forgotten; 2 wrong usage, 1 any other failure.`

const restartText = `respawner [options] restart [--json] NAME...

Ends services and starts them anew, as they were started before: command,
options, folder and environment. One that has ended is started; a pattern means
those that have a supervisor. Prints the new main pid when a service is up
again, or why it is not.

Exit code: 0 all are up again; 1 one is not, or was never started here;
2 wrong usage.`

const reloadText = `respawner [options] reload [--force] [--json] NAME...

Sends the main process the signal that start --reload-signal has named (HUP if
it has named none), and shows which process that is. Most programs without a
handler for the signal would be ended by it, so it is not sent to them:
--force sends it all the same. A process that blocks the signal may never take
it, as su and runuser do; signal --all reaches what they have started.

Exit code: 0 it was sent; 1 there is no process, or it has no handler; 2 wrong
usage.`

const signalText = `respawner [options] signal SIG [--all] [--json] NAME...

Sends a signal, such as USR1 or 10, to the main process of services. What the
program does then is its own business: one that ends is started again when
that was a crash.

Exit code: 0 it was sent; 1 there is no process; 2 wrong usage.`

const resetText = `respawner [options] reset [--json] NAME...

Counts the restarts of services from 0 again. One that waits before its next
start is started at once.

Exit code: 0 done; 1 it has no supervisor; 2 wrong usage.`

const statusText = `respawner [options] status [--json] [NAME...]

Prints state, processes, restarts and last exit, of all services when none is
named; with --json one object for one name, else an array.

Exit code (LSB): 0 it runs; 3 it does not; 1 it is dead, but its pidfile or
lock is left; 4 it is not known, or it runs, but its supervisor has died;
2 wrong usage.`

const waitText = `respawner [options] wait [--for STATE] [--timeout SEC] [--json] NAME...

Waits until all services run, or until all have stopped. To run, one that has
not been started yet is waited for as well; wait says that it does.

Exit code: 0 it has come about; 124 SEC have passed; 1 it can't come about any
more: a service has failed or ended, its supervisor has died, or it was to stop
and was never started here; 2 wrong usage.`

const eventsText = `respawner [options] events [-f] [--only KIND] [--json] [NAME...]

Prints what was recorded of services, or with -f what happens from now on,
until you end it: services may come and go meanwhile. Without a NAME it is all
services. --only crashed,failed leaves out all other kinds of events. With
--json each line is one object.

Exit code: 0 all was told; 1 something could not be; 2 wrong usage.`

const historyText = `respawner [options] history [-n NUM] [--json] NAME...

Tells of each life of services: how long it was up, which process died first
and of what, what was killed with it, and what else came about. It needs no
supervisor. With --json it is one array of events.

Exit code: 0 all was told; 1 nothing is recorded; 2 wrong usage.`
const adoptText = `respawner [options] adopt NAME...

Gives a service whose supervisor has died (kill -9) a new one: all that runs
of it is taken over, and what was under way, a restart or a stop, goes on.
start does the same, and has the service run whatever was under way.

Exit code: 0 it has a supervisor; 2 wrong usage, 1 any other failure.`
const logsText = `respawner [options] logs [-f] [-n N] [--since WHEN] [--until WHEN]
       [--grep PATTERN] [NAME...]

Prints the last 20 lines that programs have written to stdout and stderr, each
with its time, of all services when none is named; -n N the last N (all: all
that is kept), -f also what is to come. --since, --until and --grep pick lines,
all of them unless -n is given. Lines of several services are one stream in the
order of time, each with its service's name.

WHEN is how long ago (30s, 2h30m, 1d), today, yesterday, the last time it was
17:26, a date, "2026-11-23 22:00", RFC 3339, or seconds since 1970. PATTERN is
a regular expression (RE2).

A line "-- started" or "-- ended" marks where a run of the program begins or
ends; with --grep there are none. A line that was cut ends with "…". On a
terminal control characters are shown, not obeyed; else all is as it was
written.

Exit code: 0 printed; 3 there is no such log; 2 wrong usage, 1 any other
failure, or the output is not kept in a file.`

const reopenText = `respawner [options] reopen [--json] NAME...

Has the supervisor close its log files and open them anew: the program's
output and its own --log file. That is for logrotate, which has moved them;
USR1 to the supervisor does the same.

Exit code: 0 it was told; 1 one has no supervisor; 2 wrong usage.`

const upgradeText = `respawner [options] upgrade NAME...

Has the supervisor go on as the respawner that is installed now, in the same
process: nothing is restarted, no exit status is lost, no client is hung up on.
One that can't take over is not exec'ed.

Exit code: 0 it did; 2 wrong usage, 1 any other failure: the supervisor goes on
as it was.`
const listText = `respawner [options] list [--failed] [--json]

Shows all services of the runtime directory, a line each, problems first; with
--failed those alone; with --json an array of what status --json prints.
Columns are two blanks apart; none is empty.

Exit code: 0, whatever runs or not; 2 wrong usage, 1 any other failure.`

const treeText = `respawner [options] tree [NAME...]

Shows the processes of the services, of all when none is named, with their
age, processor time, resident memory and command line.

Exit code: 0, whatever runs or not; 2 wrong usage, 1 one could not be asked.`

const versionText = `respawner version

Prints which respawner this is, as --version does. status --json tells which one
supervises a service.

Exit code: 0; 2 wrong usage.`

const topText = `respawner [options] top

Shows all services of the runtime directory and what they use, until q is
pressed, problems first. Arrows or j and k select one; enter or t shows its processes, l the
end of its log, r restarts it, s stops it, S starts it again, a adopts it. / and
a text shows those that have it in their names; N, P, M, R and T sort by name,
CPU%, MEM, RESTARTS and UPTIME. ? shows all keys.

CPU% is of one processor. MEM is the proportional set size of all processes,
in which shared memory counts once; where the kernel tells only the resident
size of some, in which it counts for each, an upper bound as in <12M.

Exit code: 0, 2 wrong usage, 1 any other failure.`
