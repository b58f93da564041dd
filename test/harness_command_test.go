//go:build linux

package test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// result is what a command has said and how it ended.
type result struct {
	stdout, stderr string
	code           int
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\nstdout: %s\nstderr: %s", r.code, r.stdout, r.stderr)
}

// command is a command with the mark of its test, by which the test's
// processes are known.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), mark(t))
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// finish runs a command to its end. It fails the test when that does not come,
// and when the command leaves its output open to others, so that
// $(respawner start ...) would hang.
func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	return finishWithin(t, cmd, patience)
}

func finishWithin(t *testing.T, cmd *exec.Cmd, limit time.Duration) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := startChild(cmd); err != nil {
		t.Errorf("%v: %v", cmd.Args, err)
		return result{code: -1}
	}
	timer := time.AfterFunc(limit, func() {
		t.Errorf("%v: still runs after %v", cmd.Args, limit)
		_ = unix.Kill(cmd.Process.Pid, unix.SIGKILL) // it may have ended this moment
	})
	err := waitChild(cmd)
	timer.Stop()
	if errors.Is(err, exec.ErrWaitDelay) {
		t.Errorf("%v: its output is still open after its end", cmd.Args)
	}
	r := result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	validate(t, cmd, r)
	return r
}

// call runs respawner with just these words.
func call(t *testing.T, words ...string) result {
	t.Helper()
	return finish(t, command(t, respawner, words...))
}

// shell runs any command.
func shell(t *testing.T, words ...string) result {
	t.Helper()
	return finish(t, command(t, words[0], words[1:]...))
}

// running is a command that stays: respawner in the foreground, a server.
type running struct {
	cmd    *exec.Cmd
	stderr textFile
	ended  chan struct{}
}

// launch starts a command; a test that has not ended it kills it.
func launch(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	path := tempDir(t) + "/stderr"
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stderr = file
	if err := startChild(cmd); err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	r := &running{cmd, textFile{t, path}, make(chan struct{})}
	go func() {
		_ = waitChild(cmd) // its status is in cmd.ProcessState
		close(r.ended)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stderr of %v:\n%s", cmd.Args, r.stderr.text())
		}
		select {
		case <-r.ended:
		default:
			_ = unix.Kill(r.pid(), unix.SIGKILL) // it may have ended this moment
			<-r.ended
		}
	})
	return r
}

func (r *running) pid() int { return r.cmd.Process.Pid }

// mustLive asserts that a stranger has not been killed, and ends it.
func (r *running) mustLive() {
	r.stderr.t.Helper()
	if !alive(r.pid()) {
		r.stderr.t.Error("the stranger was killed")
	}
	r.signal(unix.SIGKILL)
	r.code()
}

func (r *running) signal(sig unix.Signal) { kill(r.stderr.t, r.pid(), sig) }

// code waits for the end and returns the exit status.
func (r *running) code() int {
	r.stderr.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.stderr.t.Fatalf("%v: still runs after %v", r.cmd.Args, patience)
	}
	return r.cmd.ProcessState.ExitCode()
}
