package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"respawner/test/kernels/plan"
)

// probe finds the facts out and prints them.
func probe() error {
	var facts plan.Facts
	err := errors.Join(release(&facts), pidfds(&facts), steps(&facts))
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(facts))
}

func release(facts *plan.Facts) error {
	var uts unix.Utsname
	err := unix.Uname(&uts)
	facts.Kernel = unix.ByteSliceToString(uts.Release[:])
	return os.NewSyscallError("uname", err)
}

// pidfds looks at the pidfd of a process that has ended and was reaped.
func pidfds(facts *plan.Facts) error {
	pidfd := -1
	cmd := exec.Command("true")
	cmd.SysProcAttr = &unix.SysProcAttr{PidFD: &pidfd}
	if err := cmd.Run(); err != nil {
		return err
	}
	defer unix.Close(pidfd)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(pidfd, &fs); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	info := unix.PidfdInfo{Mask: unix.PIDFD_INFO_EXIT}
	err := unix.IoctlPidfdInfo(pidfd, &info)
	facts.Pidfs = fs.Type == unix.PID_FS_MAGIC
	facts.ExitOfOthers = err == nil && info.Mask&unix.PIDFD_INFO_EXIT != 0
	return nil
}

// steps asks respawner itself: which step of the ladder it takes, and which it can be made to take.
func steps(facts *plan.Facts) error {
	dir, err := os.MkdirTemp("", "probe") // the machine takes it with it
	if err != nil {
		return err
	}
	for _, step := range []string{"", "kernel-set", "socket-filter", "events", "scan"} {
		tracking, reason, err := stepTaken(dir, step)
		if err != nil {
			return err
		}
		if step == "" {
			facts.Step, facts.Reason = tracking, reason
		} else if tracking == step {
			facts.Steps = append(facts.Steps, step)
		}
	}
	return nil
}

// stepTaken is what status says of a service that insists on a step, or on none; nothing if that can't be had.
func stepTaken(dir, step string) (tracking, reason string, err error) {
	respawner := func(verb string, more ...string) ([]byte, error) {
		return exec.Command(plan.Respawner, append([]string{verb, "--runtime-dir", dir, "sleep"}, more...)...).Output()
	}
	start := []string{"--log", dir + "/log", "--", "1000"}
	if step != "" {
		start = append([]string{"--tracking", step}, start...)
	}
	var refused *exec.ExitError
	if _, err := respawner("start", start...); errors.As(err, &refused) && step != "" {
		return "", "", nil
	} else if err != nil {
		return "", "", explain("start", err)
	}
	out, err := respawner("status", "--json")
	if err != nil {
		return "", "", explain("status", err)
	}
	var status struct {
		Tracking string `json:"tracking"`
		Reason   string `json:"tracking_reason"`
	}
	err = json.Unmarshal(out, &status)
	_, errStop := respawner("stop")
	return status.Tracking, status.Reason, errors.Join(err, explain("stop", errStop))
}

// explain adds what a command has written about its failure.
func explain(what string, err error) error {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return fmt.Errorf("respawner %s: %w: %s", what, err, failed.Stderr)
	}
	return err
}
