package main

import "github.com/urfave/cli/v2"

// Names of the flags, as they are declared here and read by newOptions.
const (
	flagForeground  = "foreground"
	flagLimit       = "respawn-limit"
	flagDelay       = "respawn-timeout"
	flagPidfile     = "pidfile"
	flagSuccess     = "success-exit-status"
	flagFollow      = "follow-forks"
	flagNoFollow    = "no-follow-forks"
	flagStopTimeout = "stop-timeout"
	flagName        = "name"
	flagLog         = "log"
	flagRuntimeDir  = "runtime-dir"
	flagJSON        = "json"
	flagTracking    = "tracking"
	flagReload      = "reload-signal"
	flagGroup       = "control-group"
	flagAll         = "all"
	flagFor         = "for"
	flagTimeout     = "timeout"
	flagStream      = "follow"
	flagLives       = "lives"
	flagOutput      = "output"
	flagOutputSize  = "output-size"
	flagOutputKeep  = "output-keep"
	flagLines       = "lines"
	flagSince       = "since"
	flagUntil       = "until"
	flagGrep        = "grep"
	flagOnly        = "only"
	flagUTC         = "utc"
	flagClean       = "clean"
	flagReplace     = "replace"
	flagSignal      = "signal"
	flagForce       = "force"
	flagFailed      = "failed"
)

// The functions below list the options: what they are called, whether they
// have a value and what they mean is written here and nowhere else. Help breaks
// the lines anew (see helpEntry).

// commonFlags are those of all commands.
func commonFlags() []cli.Flag {
	return []cli.Flag{
		valueFlag("", flagName, "", "call the service `NAME`, so that two instances of PROGRAM can run\n\t"+
			"(default: the base name of PROGRAM)"),
		&cli.StringFlag{Name: flagRuntimeDir, EnvVars: []string{"RESPAWNER_RUNTIME_DIR"},
			Usage: "keep locks and sockets in `DIR` (default: /run/respawner as root,\n\t" +
				"else the first of /run/user/UID/respawner, $XDG_RUNTIME_DIR/respawner\n\t" +
				"and /tmp/respawner-UID that can be had)"},
		switchFlag("", flagUTC, "all times in UTC (default: in the local zone, with its offset)"),
	}
}

func startFlags() []cli.Flag {
	return []cli.Flag{
		switchFlag("D", flagForeground, "stay in the foreground (the default is to go to the background)"),
		switchFlag("", flagReplace, "end the service of that name first, if there is one"),
		valueFlag("n", flagLimit, "0", "give up after `NUM` restarts; 0 never does"),
		valueFlag("t", flagDelay, "5", "wait `SEC` before a restart; 0, fractions and 1m30s are accepted"),
		pidfileFlag(),
		&cli.StringSliceFlag{Name: flagClean, Usage: "remove `PATH`, which a killed instance leaves and the next one refuses to\n\t" +
			"start beside (a pidfile, a socket), before each start"},
		valueFlag("e", flagSuccess, "0", "take the exit statuses in `LIST`, e.g. 0,1, for a normal end"),
		switchFlag("", flagFollow, "PROGRAM is a daemon: watch whatever its first process leaves behind"),
		switchFlag("", flagNoFollow, "PROGRAM is no daemon: watch its first process alone\n\t"+
			"(default: watch what is left behind if it runs the same executable)"),
		valueFlag("", flagStopTimeout, "10", "send TERM, then KILL to whatever is left after `SEC`"),
		valueFlag("", flagReload, "HUP", "reload sends `SIG` to the main process"),
		valueFlag("", flagGroup, "", "let the members of `GROUP` look and act too (default: root and you)"),
		valueFlag("", flagTracking, "", "insist on `STEP`, how births are known: kernel-set, socket-filter, events,\n\t"+
			"scan or pidfile (default: the first of them that works)"),
		valueFlag("", flagLog, "", "log to `WHERE`: syslog (default in the background),\n\t"+
			"stderr (default with -D), or a file"),
		valueFlag("", flagOutput, "", "keep what PROGRAM writes in `WHERE`: a file, syslog or none\n\t"+
			"(default: NAME.log in /var/log/respawner as root, else in\n\t"+
			"$XDG_STATE_HOME/respawner, else in ~/.local/state/respawner; with -D,\n\t"+
			"the terminal)"),
		valueFlag("", flagOutputSize, "10M", "begin a new file after `SIZE`, in bytes, K, M or G; 0 never does"),
		valueFlag("", flagOutputKeep, "5", "keep `NUM` older files, compressed"),
	}
}

func logsFlags() []cli.Flag {
	return []cli.Flag{
		switchFlag("f", flagStream, "what is to come as well"),
		valueFlag("n", flagLines, "", "the last `NUM` lines, or all (default: 20, or all that is picked)"),
		valueFlag("", flagSince, "", "the lines since `WHEN`: 10m, 1d, today, 17:26, 2026-11-23,\n\t"+
			"\"2026-11-23 22:00\", RFC 3339, or seconds since 1970"),
		valueFlag("", flagUntil, "", "the lines until `WHEN`"),
		valueFlag("", flagGrep, "", "the lines that match `PATTERN`, a regular expression"),
	}
}

func statusFlags() []cli.Flag { return []cli.Flag{jsonFlag(), pidfileFlag()} }

func askFlags() []cli.Flag { return []cli.Flag{jsonFlag()} }

func listFlags() []cli.Flag {
	return append(askFlags(), switchFlag("", flagFailed, "services with a problem only: orphaned, unknown, failed, backoff"))
}

func signalFlags() []cli.Flag {
	return append(askFlags(), switchFlag("", flagAll, "to all processes of the service, not to the main one alone"))
}

func stopFlags() []cli.Flag {
	return []cli.Flag{
		valueFlag("t", flagStopTimeout, "", "KILL what is left after `SEC`, this once (default: as it was started)"),
		valueFlag("", flagSignal, "", "send `SIG` in the place of TERM, this once"),
	}
}

func reloadFlags() []cli.Flag {
	return append(askFlags(), switchFlag("", flagForce, "send the signal also to a process that has no handler for it"))
}

func waitFlags() []cli.Flag {
	return append(askFlags(),
		valueFlag("", flagFor, "running", "until it is in `STATE`: running or stopped"),
		valueFlag("", flagTimeout, "", "give up after `SEC`, with exit code 124 (default: wait for ever)"))
}

func eventsFlags() []cli.Flag {
	return append(askFlags(), switchFlag("f", flagStream, "nothing of the past: what happens from now on"),
		&cli.StringSliceFlag{Name: flagOnly, Usage: "events of `KIND` only, such as crashed, or crashed,failed; repeatable"})
}

func historyFlags() []cli.Flag {
	return append(askFlags(), valueFlag("n", flagLives, "", "the last `NUM` lives only (default: all that are recorded)"))
}

func jsonFlag() cli.Flag { return switchFlag("", flagJSON, "print JSON") }

func pidfileFlag() cli.Flag {
	return optionalValue{&cli.StringFlag{Name: "p", Aliases: []string{flagPidfile},
		Usage: "the daemon's pidfile `[PATH]`, when it begins with / (or --pidfile=PATH);\n\t" +
			"without PATH: /run/NAME.pid (as root) or /tmp/NAME.pid"}}
}

func switchFlag(short, long, usage string) cli.Flag {
	name, aliases := spellings(short, long)
	return &cli.BoolFlag{Name: name, Aliases: aliases, Usage: usage, DisableDefaultText: true}
}

func valueFlag(short, long, value, usage string) cli.Flag {
	name, aliases := spellings(short, long)
	return &cli.StringFlag{Name: name, Aliases: aliases, Value: value, DefaultText: value, Usage: usage}
}

// spellings puts a short name first, where help shows it first.
func spellings(short, long string) (name string, aliases []string) {
	if short == "" {
		return long, nil
	}
	return short, []string{long}
}
