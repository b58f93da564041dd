package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"respawner/watch/control"
)

// A service may be started from a process of another one: a shell below a supervised sshd, a job of cron. Its supervisor
// would be a process of that service, and be ended with it.

// socketEnv names the control socket of a service to its processes.
const socketEnv = "RESPAWNER_SOCKET"

// releasePatience is how long the other service's supervisor may take to answer.
const releasePatience = 2 * time.Second

// leaveOuter asks the service of the caller to release this process. It returns a warning for the user if that fails.
func leaveOuter() (warning string) {
	outer := os.Getenv(socketEnv)
	if err := os.Unsetenv(socketEnv); err != nil {
		return err.Error()
	}
	err := release(outer)
	pid, name := supervisorAbove(), strings.TrimSuffix(filepath.Base(outer), ".sock")
	switch {
	case err == nil, pid == 0: // or the service that set the variable has ended
		return ""
	case outer == "":
		return fmt.Sprintf("started below another supervisor (pid %d), it ends with that one's service: start it elsewhere if it is to stay", pid)
	}
	return fmt.Sprintf("started below the service %s (%v), it ends with that: start it elsewhere if it is to stay", name, err)
}

// release asks the supervisor at a socket to release this process.
func release(socket string) error {
	if !filepath.IsAbs(socket) {
		return fmt.Errorf("$%s names no socket", socketEnv)
	}
	dir, err := control.OpenDir(filepath.Dir(socket))
	if err != nil {
		return err
	}
	defer dir.Close()
	ctx, cancel := context.WithTimeout(context.Background(), releasePatience)
	defer cancel()
	_, presence, err := dir.Ask(ctx, strings.TrimSuffix(filepath.Base(socket), ".sock"), control.Request{Op: control.OpRelease})
	if err == nil && presence != control.Held {
		err = fmt.Errorf("no supervisor at %s", socket)
	}
	return err
}

// supervisorAbove returns the pid of the nearest supervisor above the command that started this process. It returns 0 where none can be seen.
func supervisorAbove() int {
	pid := readProcInfo(os.Getppid()).Parent
	for pid > 0 && string(readProc(pid, "comm")) != "respawner" {
		pid = readProcInfo(pid).Parent
	}
	return pid
}
