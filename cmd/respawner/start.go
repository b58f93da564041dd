package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"respawner/watch"
	"respawner/watch/control"
)

// start starts a service. In the background it is two processes: the command that
// the user called waits for the report of the supervisor.
func start(o options) error {
	if os.Getenv(upgradeEnv) == upgradeCheck {
		fmt.Print(canTakeOver())
		return nil
	}
	before, err := unwrap()
	if err != nil {
		return err
	}
	pipe := reportPipe(&o)
	if before == nil && pipe == nil { // the others can't tell the user: they find out in watch.Run
		if err := watch.Probe(); err != nil {
			return err
		}
		if again, err := o.asBefore(); again || err != nil {
			return err
		}
	}
	if err := o.findFolder(); err != nil && before == nil && pipe == nil {
		return err
	}
	path, err := lookUpMeant(o.Program)
	if err != nil && before == nil && o.Then != watch.ThenStop { // for those it need not be there
		return o.hint(err)
	}
	if err := closeOnExec(); err != nil {
		return err
	}
	switch {
	case before != nil:
		return takeOver(o, path, before)
	case pipe != nil:
		warning := leaveOuter()
		return supervise(o, path, func(r report) { sendReport(pipe, r.warn(warning)) })
	}
	if err := o.makeWay(); err != nil {
		return err
	}
	if o.Foreground {
		return supervise(o, path, o.sayAlready)
	}
	return startAway()
}

// asBefore starts a service as it was started before, if the command line has only the name of a service.
// again reports whether it did.
func (o options) asBefore() (again bool, err error) {
	if !o.Bare {
		return false, nil
	}
	dir, err := openRuntimeDir(o.RuntimeDir)
	if dir == nil || err != nil {
		return false, err
	}
	defer dir.Close()
	def, err := dir.Definition(o.Name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w; respawner start %s -- starts the program without arguments", err, o.Name)
	case o.Foreground:
		return true, stay(defined(o.Name, def))
	}
	text, err := startDefined(o.Name, def)
	if err == nil {
		_, err = fmt.Println(printable(text))
	}
	return true, err
}

// hint adds to the error of a program that can't be found how the service of that name is started, if
// there is one.
func (o options) hint(err error) error {
	dir, open := openRuntimeDir(o.RuntimeDir)
	if dir == nil || open != nil || strings.Contains(o.Program, "/") || o.Program != o.Name {
		return err
	}
	defer dir.Close()
	if _, unknown := dir.Definition(o.Name); unknown != nil {
		return err
	}
	return exitError{code: exitCode(err), msg: fmt.Sprintf("%v; the service %s is started as before by respawner start %s alone", err, o.Name, o.Name)}
}

// startDefined starts a service as it was started before, in the background.
func startDefined(name string, def control.Definition) (text string, err error) {
	rep, err := startBackground(defined(name, def), watch.ThenRun)
	if err != nil || !rep.Started {
		return rep.Text, err
	}
	return fmt.Sprintf("%s, started as before: %s", rep.Text, cut(shellWords(append([]string{def.Program}, def.Args...)), lineWidth)), nil
}

// stay runs a start command in the foreground, as this process.
func stay(again invocation) error {
	self, err := os.Executable()
	if err == nil {
		err = os.Chdir(again.dir)
	}
	if err == nil {
		words := append([]string{os.Args[0], "--" + flagForeground}, again.args...)
		err = &os.PathError{Op: "exec", Path: self, Err: syscall.Exec(self, words, append(again.env, folderEnv+"="+again.dir))}
	}
	return fmt.Errorf("start as before: %w", err)
}

// makeWay refuses a --clean that can never work, and with --replace ends the service that
// is there.
func (o options) makeWay() error {
	if err := noFolders(o.Clean); err != nil || !o.Replace { // later it is no reason not to go on
		return err
	}
	dir, err := openRuntimeDir(o.RuntimeDir)
	if dir == nil || err != nil {
		return err
	}
	defer dir.Close()
	ctx, cancel := interruptible()
	defer cancel()
	defer (&progress{}).watch(ctx, dir, o.Name)()
	out := o.stopOne(ctx, dir, o.Name)
	if code := interruptCode(ctx, 0); out.err != nil && code != 0 {
		return exitError{code: code, msg: out.err.Error()}
	}
	return out.err
}

// startAway starts a service in the background, and prints the outcome.
func startAway() error {
	rep, err := startBackground(thisCommand(), watch.ThenRun)
	if err == nil {
		_, err = fmt.Println(printable(rep.Text))
	}
	return err
}

// noFolders refuses folders, which --clean never removes.
func noFolders(paths []string) error {
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil && info.IsDir() {
			return usagef("bad --clean %q: it is a directory, and only files are removed", path)
		}
	}
	return nil
}

// nameOf returns the absolute path of a program, with an error if it can't be run.
func nameOf(program string) (path string, err error) {
	if strings.Contains(program, "/") {
		if path, err = inFolder(program); err == nil {
			_, err = exec.LookPath(path)
		}
		return path, err
	}
	if path, err = exec.LookPath(program); err == nil || errors.Is(err, exec.ErrDot) {
		return inFolder(path)
	}
	return path, err
}

// lookUp finds a program as a shell would. The path is absolute, because some
// programs (sshd, nginx) exec themselves by the name they were called by. If a program that was named
// by its path is missing, the path is returned with the error.
func lookUp(program string) (string, error) {
	path, err := nameOf(program)
	switch {
	case err == nil:
		return path, nil
	case errors.Is(err, exec.ErrNotFound):
		return path, exitError{code: exitNotFound, msg: fmt.Sprintf("%s: no such program in $PATH", program)}
	case errors.Is(err, fs.ErrNotExist):
		return path, exitError{code: exitNotFound, msg: fmt.Sprintf("%s: no such program", program)}
	case errors.Is(err, syscall.EISDIR):
		return path, exitError{code: exitNotExecutable, msg: fmt.Sprintf("%s: is a directory, not a program", program)}
	case errors.Is(err, fs.ErrPermission):
		return path, exitError{code: exitNotExecutable, msg: fmt.Sprintf("%s: not executable: permission denied", program)}
	}
	return path, exitError{code: exitNotExecutable, msg: fmt.Sprintf("%s: %v", program, err)}
}
