package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"respawner/watch"
	"respawner/watch/control"
	"respawner/watch/service"
)

// supervise is the supervisor: it returns when the service has ended. tell
// gets its first report.
func supervise(o options, path string, tell func(report)) error {
	watch.CatchSignals() // before there is anything that would have to be put away
	var once sync.Once
	first := func(r report) { once.Do(func() { tell(r) }) }
	err := superviseLogged(o, path, first)
	if err != nil {
		first(report{Status: exitCode(err), Text: err.Error(), Ended: true})
	}
	return err
}

func superviseLogged(o options, path string, tell func(report)) error {
	log, err := newLogger(o.Log)
	if err != nil {
		return err
	}
	err = superviseClaimed(o, path, log, tell)
	return errors.Join(err, log.close())
}

// superviseClaimed supervises, unless somebody already does.
func superviseClaimed(o options, path string, log logger, tell func(report)) error {
	dir, err := control.MakeDir(o.RuntimeDir)
	if err != nil {
		return err
	}
	defer dir.Close()
	claim, err := dir.Claim(o.Name)
	for errors.Is(err, control.ErrHeld) {
		if ending, err := alreadyRuns(dir, o.Name, tell); !ending {
			return err
		}
		claim, err = dir.Claim(o.Name)
	}
	if err != nil {
		return err
	}
	if claim.TakenUp() {
		log.Warn(o.Name + ": an earlier supervisor died; its lock was taken over, processes of it may still run")
	}
	if err := claim.WritePidfile(o.supervisorPidfile(o.Name)); err != nil {
		if o.PidDir == o.RuntimeDir {
			return errors.Join(err, claim.Release(nil))
		}
		log.Warn(o.Name+": going on without it", "error", err) // another user's service may have the name
	}
	last, err := superviseHeld(o, path, claim, log, tell)
	if e := claim.Release(last); e != nil {
		log.Warn(o.Name+": putting things away", "error", e)
	}
	log.Info("stopped")
	return err
}

// alreadyRuns says so; that is no failure. One that is being ended it sees to
// its end, and tells so: there is place for a new one then.
func alreadyRuns(dir *control.Dir, name string, tell func(report)) (ending bool, err error) {
	s, presence, err := dir.Status(name)
	if err != nil {
		return false, err
	}
	if presence == control.Held && s.State != service.Stopping.String() {
		text := fmt.Sprintf("%s already runs, main pid %d", name, s.MainPID)
		if s.MainPID == 0 {
			text = fmt.Sprintf("%s is already supervised, state %s", name, s.State)
		}
		tell(report{Text: text, Already: true, Ended: true})
		return false, nil
	}
	if presence == control.Held {
		_, _, err = dir.Stop(context.Background(), name)
	}
	return err == nil, err
}

// superviseHeld supervises what it has claimed. It returns the last words to
// be left behind: none after a start that came to nothing.
func superviseHeld(o options, path string, claim *control.Claim, log logger, tell func(report)) (*control.Status, error) {
	output, warning, err := openOutput(o, claim)
	if err != nil {
		return nil, err
	}
	if warning != "" {
		log.Warn(o.Name + ": " + warning)
	}
	c, err := configure(o, path, claim, log)
	if err != nil {
		return nil, err
	}
	unborn := false
	c.Output = output
	c.Report = func(r watch.Report) {
		unborn = r.Ended && r.Status != 0
		said := announce(o.Name, r)
		said.Warning = warning
		tell(said)
	}
	log.Info(fmt.Sprintf("started (pid %d), command: start %s", os.Getpid(), o.Name))
	result, err := watch.Run(c)
	if err == nil && result.Status != 0 {
		err = exitError{code: result.Status, msg: said(o, result.Text)}
	}
	if unborn {
		return nil, err
	}
	return result.Last, err
}

func announce(name string, r watch.Report) report {
	if r.PID != 0 {
		return report{Text: fmt.Sprintf("%s is running, main pid %d", name, r.PID)}
	}
	return report{Status: r.Status, Text: r.Text, Ended: r.Ended, Output: r.Output}
}

// said is empty for a text that the user has already read in the log.
func said(o options, text string) string {
	if o.Foreground && o.Log == logStderr {
		return ""
	}
	return text
}

func configure(o options, path string, claim *control.Claim, log logger) (watch.Config, error) {
	files, err := stdio(o.Foreground)
	if err != nil {
		return watch.Config{}, err
	}
	socket, err := claim.Listen()
	return watch.Config{
		Spec: service.Spec{
			Name: o.Name, Follow: followOf(o.Follow), SuccessCodes: o.SuccessCodes,
			RespawnDelay: o.RespawnDelay, RespawnLimit: o.RespawnLimit, StopTimeout: o.StopTimeout,
		},
		Program: watch.Program{Path: path, Args: append([]string{path}, o.Args...), Env: os.Environ(), Files: files},
		Pidfile: o.Pidfile, Tracking: o.Tracking, Control: socket, StopOnHangup: o.Foreground,
		Log: log.Logger, Reopen: log.reopen,
	}, err
}

func followOf(word string) service.Follow {
	return map[string]service.Follow{
		followAuto: service.FollowAuto, followOn: service.FollowOn, followOff: service.FollowOff,
	}[word]
}

// stdio is what the program gets as descriptors 0 to 2, unless its output is
// kept: it never reads, and its output is seen in the foreground only.
func stdio(foreground bool) ([3]*os.File, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if foreground {
		return [3]*os.File{null, os.Stdout, os.Stderr}, err
	}
	return [3]*os.File{null, null, null}, err
}
