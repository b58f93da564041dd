package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"respawner/watch"
)

// report is one JSON object that the supervisor in the background sends once to the command that
// started it.
type report struct {
	Status int    `json:"status"`
	Text   string `json:"text"`

	// Output is what a program that failed has written last.
	Output []string `json:"output,omitempty"`

	// Warning is what the user should know besides.
	Warning string `json:"warning,omitempty"`

	// Started reports that the program was started anew.
	Started bool `json:"started,omitempty"`

	// Already reports that the service ran before, and nothing was started.
	Already bool `json:"already,omitempty"`

	// Ended reports that this supervisor has nothing more to do.
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

// sayWarning prints the warning on stderr.
func (r report) sayWarning() {
	if r.Warning != "" {
		fmt.Fprintf(os.Stderr, "respawner: warning: %s\n", printable(r.Warning))
	}
}

// backgroundEnv tells the supervisor in the background that descriptor 3 is
// the pipe for its report. Its value is the caller's procsEnv; thenEnv's is
// what becomes of a service whose supervisor has died, and by which signal the service is ended.
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

// passOn makes a start that is broken off end the supervisor that it began.
func passOn(signals <-chan os.Signal, supervisor *os.Process, broken chan<- interrupt) {
	for sig := range signals {
		select {
		case broken <- interrupt{sig}:
		default: // it was before
		}
		_ = supervisor.Signal(syscall.SIGTERM) // an error means that it has ended already
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

// valueOf returns the value of a variable in an environment, "" if it is not there.
func valueOf(env []string, name string) string {
	for _, v := range env {
		if value, found := strings.CutPrefix(v, name+"="); found {
			return value
		}
	}
	return ""
}

// reportPipe returns the pipe for the report, if this is the process in the
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
		return nil // another program has set the variable; an os.File would close 3, whatever that is by then
	}
	syscall.CloseOnExec(3)
	o.Then, o.Halt.Signal, o.Foreground = watch.Then(then), halt, false
	return os.NewFile(3, "report")
}

// sendReport sends the report to the command that waits, and closes the pipe.
func sendReport(pipe *os.File, r report) {
	err := errors.Join(json.NewEncoder(pipe).Encode(r), pipe.Close())
	_ = err // the command was killed meanwhile: the service goes on without it
}
