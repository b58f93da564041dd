package watch

import (
	"path"
	"strconv"
	"strings"
)

// The kernel writes two records into its log (mm/oom_kill.c): the first before it kills a process,
// unless it has just written many of them, the second always, a moment after it. Nothing else begins
// so: the name of a process, which may stand at the beginning of a record, is not as long.
const (
	oomBefore  = "oom-kill:constraint=" // ...,pid=PID,uid=UID
	oomAfter   = "Out of memory: Killed process "
	oomInGroup = "Memory cgroup out of memory: Killed process " // PID (NAME) ...
)

// oomVictim returns the pid of the process that a record of /dev/kmsg tells the OOM killer's
// work of, 0 for another record. A record is "LEVEL,NUMBER,TIME,FLAGS;TEXT\n" and lines that
// describe it; a level of 8 or more means that it is not the kernel's.
func oomVictim(record []byte) int {
	head, rest, _ := strings.Cut(string(record), ";")
	level, _, _ := strings.Cut(head, ",")
	if n, err := strconv.Atoi(level); err != nil || n > 7 {
		return 0
	}
	text, _, _ := strings.Cut(rest, "\n")
	if before, ok := strings.CutPrefix(text, oomBefore); ok { // a process may be named ",pid=1"
		fields := strings.Split(before, ",pid=")
		return numberBefore(fields[len(fields)-1], ",")
	}
	for _, prefix := range []string{oomAfter, oomInGroup} {
		if after, ok := strings.CutPrefix(text, prefix); ok {
			return numberBefore(after, " ")
		}
	}
	return 0
}

// numberBefore returns the number that a text begins with, 0 for none.
func numberBefore(text, end string) int {
	digits, _, _ := strings.Cut(text, end)
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// oomFile returns the file that counts what the OOM killer has killed in the control group of a
// process, by its /proc/PID/cgroup and /proc/PID/mountinfo; empty where there is none. Version 1
// of the memory controller comes first: where it is mounted, version 2 has none.
func oomFile(cgroups, mounts string) string {
	for _, version := range []struct{ controller, kind, file string }{
		{"memory", "cgroup", "memory.oom_control"}, {"", "cgroup2", "memory.events"},
	} {
		for line := range strings.Lines(cgroups) {
			fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(fields) < 3 || !isListed(version.controller, fields[1]) {
				continue
			}
			if dir := groupDir(mounts, version.kind, version.controller, fields[2]); dir != "" {
				return path.Join(dir, version.file)
			}
		}
	}
	return ""
}

// isListed reports whether a list that is separated by commas has a word; the empty list has the
// empty word alone.
func isListed(word, list string) bool {
	return word == list || word != "" && strings.Contains(","+list+",", ","+word+",")
}

// groupDir returns the folder of a control group, by the lines of mountinfo:
// "36 35 98:0 ROOT POINT OPTIONS [FIELDS...] - KIND SOURCE SUPEROPTIONS".
func groupDir(mounts, kind, controller, group string) string {
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		mount, super := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(super) < 3 || super[0] != kind || controller != "" && !isListed(controller, super[2]) {
			continue
		}
		if below, ok := strings.CutPrefix(group, strings.TrimSuffix(mount[3], "/")); ok {
			return path.Join(mount[4], below)
		}
	}
	return ""
}

// oomCount reads how many processes the OOM killer has killed in a control group, by either file.
func oomCount(text []byte) int {
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return numberBefore(count, "\n")
		}
	}
	return 0
}
