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
	"strconv"
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
	if before == nil && pipe == nil { // those who waited for the others would not be told: they find out in watch.Run
		if err := watch.Probe(); err != nil {
			return err
		}
	}
	if err := o.findFolder(); err != nil && before == nil && pipe == nil {
		return err
	}
	path, err := lookUp(o.Program)
	if err != nil && before == nil && o.Then != watch.ThenStop { // for those it need not be there
		return err
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
	if err := noFolders(o.Clean); err != nil { // later it is no reason not to go on
		return err
	}
	if o.Foreground {
		return supervise(o, path, o.sayAlready)
	}
	return startAway()
}

// startAway starts a service in the background, and says what came of it.
func startAway() error {
	text, err := startBackground(thisCommand(), watch.ThenRun)
	if err == nil {
		_, err = fmt.Println(printable(text))
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

// thisCommand is how this process was called.
func thisCommand() control.Command {
	dir, _ := workFolder() // a folder that was removed: then there is none to go back to
	return control.Command{Args: os.Args, Env: without(os.Environ(), folderEnv), Dir: dir}
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
// what becomes of a service whose supervisor has died.
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
func startBackground(again control.Command, then watch.Then) (text string, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return "", fmt.Errorf("go to the background: %w", err)
	}
	defer r.Close()
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("go to the background: %w", err)
	}
	cmd := exec.Command(self)
	cmd.Args, cmd.Dir = again.Args, again.Dir
	if _, err := os.Stat(again.Dir + "/."); again.Dir != "" && err != nil {
		cmd.Dir = "/" // without the folder it can still be taken over, and ended
	}
	cmd.Env = append(without(watch.Unmarked(again.Env), folderEnv), folderEnv+"="+again.Dir,
		backgroundEnv+"="+valueOf(again.Env, procsEnv), procsEnv+"=1", thenEnv+"="+strconv.Itoa(int(then)),
		socketEnv+"="+os.Getenv(socketEnv)) // of the service that this command was called below
	cmd.ExtraFiles = []*os.File{w}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	err = errors.Join(cmd.Start(), w.Close())
	if err != nil {
		return "", fmt.Errorf("go to the background: %w", err)
	}
	go passOn(signals, cmd.Process)
	return outcome(r, cmd.Wait)
}

// passOn has a start that is broken off end what it began.
func passOn(signals <-chan os.Signal, supervisor *os.Process) {
	for range signals {
		_ = supervisor.Signal(syscall.SIGTERM) // if it is gone, that is what was wanted
	}
}

// outcome reads the supervisor's report and returns what it has to say: after the end
// of one that ends, so that nothing of it is left when the command returns.
func outcome(pipe io.Reader, end func() error) (text string, err error) {
	var rep report
	if err := json.NewDecoder(pipe).Decode(&rep); err != nil {
		return "", errors.New("the supervisor died before it could report; try -D to see what happens")
	}
	if rep.Ended {
		_ = end() // with the status that was reported
	}
	rep.sayWarning()
	if rep.Status != 0 {
		return "", exitError{rep.Status, rep.Text, rep.Output}
	}
	return rep.Text, nil
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
	then, _ := strconv.Atoi(os.Getenv(thenEnv)) // else the variables were set by somebody else
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
	o.Then, o.Foreground = watch.Then(then), false
	return os.NewFile(3, "report")
}

// sendReport tells the command that waits, and lets it go.
func sendReport(pipe *os.File, r report) {
	err := errors.Join(json.NewEncoder(pipe).Encode(r), pipe.Close())
	_ = err // it has been killed meanwhile: the service goes on without it
}
