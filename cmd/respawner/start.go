package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"respawner/watch"
	"respawner/watch/control"
)

// start starts a service. In the background it is two processes: the one that
// the user called waits for the report of the one that supervises.
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

// asBefore starts a service as it was started before, where the user named one and said nothing else
// of it; again reports that.
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

// stay runs a start command in the place of this process, in the foreground.
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

// makeWay refuses what could never be removed before a start, and with --replace ends the service that
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

// startAway starts a service in the background, and says what came of it.
func startAway() error {
	rep, err := startBackground(thisCommand(), watch.ThenRun)
	if err == nil {
		_, err = fmt.Println(printable(rep.Text))
	}
	return err
}

// noFolders refuses what --clean would never remove.
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

// lookUp finds a program as a shell would; the path is absolute, because some
// programs (sshd, nginx) exec themselves by the name they were called by. That of
// a program that is missing is returned with the error, if it was named by one.
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

// report is what the supervisor in the background tells the command that
// started it, once: one JSON object.
type report struct {
	Status int    `json:"status"`
	Text   string `json:"text"`

	// Output is what a program that failed has written last.
	Output []string `json:"output,omitempty"`

	// Warning is what the user should know besides.
	Warning string `json:"warning,omitempty"`

	// Started tells that the program was started anew.
	Started bool `json:"started,omitempty"`

	// Already tells that the service ran before, and nothing was started.
	Already bool `json:"already,omitempty"`

	// Ended tells that this supervisor has nothing more to do.
	Ended bool `json:"ended,omitempty"`
}

// warn returns the report with one more warning.
func (r report) warn(text string) report {
	if r.Warning != "" && text != "" {
		text = r.Warning + "; " + text
	}
	r.Warning = cmp.Or(text, r.Warning)
	return r
}

// sayAlready is all that a start in the foreground reports: the rest is in the
// log, and its output is the program's.
func (o options) sayAlready(r report) {
	if o.Log != logStderr {
		r.sayWarning()
	}
	if r.Already {
		fmt.Println(printable(r.Text))
	}
}

// sayWarning says on stderr what the user should know besides.
func (r report) sayWarning() {
	if r.Warning != "" {
		fmt.Fprintf(os.Stderr, "respawner: warning: %s\n", printable(r.Warning))
	}
}

// backgroundEnv tells the supervisor in the background that descriptor 3 is
// the pipe for its report. Its value is the caller's procsEnv; thenEnv's is
// what becomes of a service whose supervisor has died, and by which signal it is ended.
const (
	backgroundEnv = "RESPAWNER_BACKGROUND"
	thenEnv       = "RESPAWNER_THEN"
)

// procsEnv is how many processors Go's scheduler uses. For each it keeps memory
// of its own at hand, and a supervisor has no use for more than one. It can't
// be told as cheaply when it runs already (runtime.GOMAXPROCS).
const procsEnv = "GOMAXPROCS"

// startBackground runs a start command, this very one or an earlier one, in a
// session of its own and without a terminal, and waits for its report.
func startBackground(again invocation, then watch.Then) (rep report, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return rep, fmt.Errorf("go to the background: %w", err)
	}
	defer r.Close()
	self, err := os.Executable()
	if err != nil {
		return rep, fmt.Errorf("go to the background: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Args, cmd.Dir = append([]string{os.Args[0]}, again.args...), again.dir
	if _, err := os.Stat(again.dir + "/."); again.dir != "" && err != nil {
		cmd.Dir = "/" // without the folder it can still be taken over, and ended
	}
	cmd.Env = append(without(watch.Unmarked(again.env), folderEnv), folderEnv+"="+again.dir,
		backgroundEnv+"="+valueOf(again.env, procsEnv), procsEnv+"=1", thenEnv+"="+fmt.Sprint(int(then), again.halt),
		socketEnv+"="+os.Getenv(socketEnv)) // of the service that this command was called below
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err = errors.Join(cmd.Start(), w.Close())
	if err != nil {
		return rep, fmt.Errorf("go to the background: %w", err)
	}
	broken := make(chan interrupt, 1)
	go passOn(signals, cmd.Process, broken)
	rep, err = outcome(r, cmd.Wait)
	return rep, brokenOff(broken, err)
}

// passOn has a start that is broken off end what it began.
func passOn(signals <-chan os.Signal, supervisor *os.Process, broken chan<- interrupt) {
	for sig := range signals {
		select {
		case broken <- interrupt{sig}:
		default: // it was before
		}
		_ = supervisor.Signal(syscall.SIGTERM) // if it is gone, that is what was wanted
	}
}

// outcome returns the supervisor's report: after the end of one that ends, so that nothing of it is
// left when the command returns.
func outcome(pipe io.Reader, end func() error) (rep report, err error) {
	if err := json.NewDecoder(pipe).Decode(&rep); err != nil {
		return rep, errors.New("the supervisor died before it could report; try -D to see what happens")
	}
	if rep.Ended {
		_ = end() // with the status that was reported
	}
	rep.sayWarning()
	if rep.Status != 0 {
		return rep, exitError{rep.Status, rep.Text, rep.Output}
	}
	return rep, nil
}

// valueOf is the value of a variable in an environment, "" if it is not there.
func valueOf(env []string, name string) string {
	for _, v := range env {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// reportPipe is the pipe for the report, if this is the process in the
// background. The program to be started must not inherit any of it.
func reportPipe(o *options) *os.File {
	procs, background := os.LookupEnv(backgroundEnv)
	if !background {
		return nil
	}
	var then, halt int
	_, _ = fmt.Sscan(os.Getenv(thenEnv), &then, &halt) // else another program has set the variables
	err := errors.Join(os.Unsetenv(backgroundEnv), os.Unsetenv(procsEnv), os.Unsetenv(thenEnv))
	if procs != "" {
		err = errors.Join(err, os.Setenv(procsEnv, procs))
	}
	if err != nil {
		return nil
	}
	var st syscall.Stat_t
	if syscall.Fstat(3, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil // somebody else has set the variable; an os.File would close 3, whatever that is by then
	}
	syscall.CloseOnExec(3)
	o.Then, o.Halt.Signal, o.Foreground = watch.Then(then), halt, false
	return os.NewFile(3, "report")
}

// sendReport tells the command that waits, and lets it go.
func sendReport(pipe *os.File, r report) {
	err := errors.Join(json.NewEncoder(pipe).Encode(r), pipe.Close())
	_ = err // it has been killed meanwhile: the service goes on without it
}
