package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"respawner/watch/control"
)

// status prints the status of services, of all when none is named. Its exit code is the
// worst of theirs.
func status(o options) error {
	dir, names, err := o.services((*control.Dir).Names)
	if err == nil && dir != nil && len(o.Names) == 0 {
		names, err = dir.Names()
	}
	if exitCode(err) == exitFailure {
		err = exitError{code: lsbUnknown, msg: err.Error()}
	}
	if err != nil {
		return err
	}
	all := []*control.Status{}
	var codes []int
	for i, out := range atOnce(names, func(name string) result { return lookAt(dir, name) }) {
		if out.err != nil {
			complain(explain(names[i], out))
		}
		if err := known(dir, names[i]); err != nil && out.err == nil {
			out.status.Message = err.Error()
		}
		all, codes = append(all, out.status), append(codes, o.statusCodeOf(names[i], out))
	}
	if err := printStatus(o, all); err != nil {
		return exitError{code: lsbUnknown, msg: err.Error()}
	}
	if len(all) == 0 {
		return exitError{code: lsbNotRunning, msg: "no service was started here; is it in another --runtime-dir?"}
	}
	if code := worstCode(codes); code != 0 {
		return exitError{code: code}
	}
	return nil
}

func (o options) statusCodeOf(name string, out result) int {
	if out.err != nil {
		return lsbUnknown
	}
	leftover := out.presence == control.Stale || out.presence == control.Absent && (isOurs(o.supervisorPidfile(name)) || isOurs(o.Pidfile))
	return statusCode(out.status.State, leftover)
}

// isOurs reports whether there is a file that belongs to this user or to root.
func isOurs(path string) bool {
	info, err := os.Lstat(path)
	if path == "" || err != nil {
		return false
	}
	uid := int(info.Sys().(*syscall.Stat_t).Uid)
	return uid == 0 || uid == os.Geteuid()
}

// printStatus prints the status of services, whole or not at all.
func printStatus(o options, all []*control.Status) error {
	show := printText
	switch {
	case o.JSON && len(o.Names) == 1 && !isPattern(o.Names[0]):
		show = printService
	case o.JSON:
		show = printServices
	}
	var out bytes.Buffer
	if err := show(&out, all); err != nil {
		return err
	}
	_, err := out.WriteTo(os.Stdout)
	return err
}

// printService prints the only service that was named as an object.
func printService(w io.Writer, all []*control.Status) error {
	return writeJSON(w, answerOf(all[0]))
}

func printText(w io.Writer, all []*control.Status) error {
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := render(w, displayOf(os.Stdout), *s, time.Now(), cmdline); err != nil {
			return err
		}
	}
	return nil
}
