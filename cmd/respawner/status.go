package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"respawner/watch/control"
)

// status tells how services fare; its exit code is the worst of theirs.
func status(o options) error {
	dir, err := control.OpenDir(o.RuntimeDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return exitError{code: lsbUnknown, msg: err.Error()}
	}
	var all []*control.Status
	var codes []int
	for _, name := range o.Names {
		s, code := statusOne(dir, o, name)
		all, codes = append(all, s), append(codes, code)
	}
	if err := printStatus(o, all); err != nil {
		return exitError{code: lsbUnknown, msg: err.Error()}
	}
	if code := worstCode(codes); code != 0 {
		return exitError{code: code}
	}
	return nil
}

// statusOne asks for one service; why it can't be told is said at once.
func statusOne(dir *control.Dir, o options, name string) (*control.Status, int) {
	s := control.Unsupervised(name)
	presence := control.Absent
	if dir != nil {
		var err error
		if s, presence, err = dir.Status(name); err != nil {
			fmt.Fprintf(os.Stderr, "respawner: %s\n", printable(err.Error()))
			return unknown(name, err), lsbUnknown
		}
	}
	if presence == control.Stale {
		return orphaned(dir, name)
	}
	leftover := presence == control.Absent && (isOurs(o.supervisorPidfile(name)) || isOurs(o.Pidfile))
	return s, statusCode(s.State, leftover)
}

// isOurs tells whether a file is there that this user left, or root.
func isOurs(path string) bool {
	info, err := os.Lstat(path)
	if path == "" || err != nil {
		return false
	}
	uid := int(info.Sys().(*syscall.Stat_t).Uid)
	return uid == 0 || uid == os.Geteuid()
}

// printStatus prints what was found, whole or not at all.
func printStatus(o options, all []*control.Status) error {
	show := printText
	if o.JSON {
		show = printJSON
	}
	var out bytes.Buffer
	if err := show(&out, all); err != nil {
		return err
	}
	_, err := out.WriteTo(os.Stdout)
	return err
}

// printJSON prints one object, or an array where several names were given.
func printJSON(w io.Writer, all []*control.Status) error {
	if len(all) == 1 {
		return json.NewEncoder(w).Encode(all[0])
	}
	return json.NewEncoder(w).Encode(all)
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
