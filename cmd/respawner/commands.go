package main

import "github.com/urfave/cli/v2"

// command is one command: what it is called, which options it takes beside
// those of all commands, how they are read, and what it does then.
type command struct {
	name  string
	group string // under which help lists it
	usage string
	text  string
	flags []cli.Flag
	read  []reader
	do    func(options) error
}

// Under which help lists the commands, in alphabetical order.
const (
	groupRun  = "begin and end"
	groupAct  = "change what runs"
	groupLook = "look"
)

func commands() []command {
	return []command{
		{"start", groupRun, "start PROGRAM and watch it; return when it is up", startText, startFlags(), startReaders(), start},
		{"stop", groupRun, "end services, all their processes and their supervisors", stopText, stopFlags(), append(names(), (*options).readHalt), stop},
		{"restart", groupAct, "end services and start them anew; return when they are up again", restartText, askFlags(), names(), restart},
		{"forget", groupRun, "leave nothing of services that have ended", forgetText, askFlags(), names(), forget},
		{"adopt", groupRun, "go on with services whose supervisors have died", adoptText, nil, names(), adopt},
		{"upgrade", groupAct, "have supervisors go on as the respawner installed now", upgradeText, nil, names(), upgrade},
		{"reopen", groupAct, "have log files opened anew, after they were moved", reopenText, askFlags(), names(), reopen},
		{"reload", groupAct, "tell services to read their configuration anew", reloadText, reloadFlags(), append(names(), (*options).readForce), reload},
		{"signal", groupAct, "send services a signal", signalText, signalFlags(), []reader{(*options).readSignalAndNames}, sendSignal},
		{"reset", groupAct, "forget the crashes of services", resetText, askFlags(), names(), reset},
		{"status", groupLook, "tell how services fare", statusText, statusFlags(), []reader{(*options).readSomeNames, (*options).readPidfile}, status},
		{"list", groupLook, "tell of all services in a few words each", listText, listFlags(), []reader{(*options).readNoNames, (*options).readFailed}, list},
		{"tree", groupLook, "show the processes of services as trees", treeText, nil, []reader{(*options).readSomeNames}, tree},
		{"top", groupLook, "watch all services, restart and stop them", topText, nil, []reader{(*options).readNoNames}, top},
		{"logs", groupLook, "print what programs have written", logsText, logsFlags(), []reader{(*options).readSomeNames, (*options).readView}, logs},
		{"wait", groupLook, "wait until services run, or have stopped", waitText, waitFlags(), append(names(), (*options).readWait), wait},
		{"events", groupLook, "tell what happens, event by event", eventsText, eventsFlags(), []reader{(*options).readSomeNames, (*options).readStream}, events},
		{"history", groupLook, "tell why services went down, after the fact", historyText, historyFlags(), append(names(), (*options).readLives), history},
		{"version", groupLook, "tell which respawner this is", versionText, nil, []reader{(*options).readNothing}, printVersion},
	}
}

func names() []reader { return []reader{(*options).readNames} }

func startReaders() []reader {
	return []reader{
		(*options).readProgram, (*options).readForeground, (*options).readCounts, (*options).readDurations, (*options).readFollow,
		(*options).readPidfile, (*options).readClean, (*options).readTracking, (*options).readControl, (*options).readLog, (*options).readOutput,
	}
}

// cli is the command as urfave/cli has it. Help is an option of the app's.
func (c command) cli() *cli.Command {
	return &cli.Command{
		Name:               c.name,
		Aliases:            aliases()[c.name],
		Category:           c.group,
		Usage:              c.usage,
		Description:        c.text,
		Flags:              c.flags,
		CustomHelpTemplate: commandHelp,
		HideHelp:           true,
		Action: func(ctx *cli.Context) error {
			o, err := newOptions(ctx, c.read)
			if err != nil {
				return err
			}
			return c.do(o)
		},
	}
}
