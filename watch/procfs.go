package watch

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

var errStat = errors.New("not a line of /proc/PID/stat")

// parseParent reads the parent's pid, and the state (Z for a zombie), from
// /proc/PID/stat. The command in it is the process's own words and may have
// anything in it, parentheses too.
func parseParent(stat []byte) (ppid int, state string, err error) {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, "", errStat
	}
	fields := bytes.Fields(stat[i+1:])
	if len(fields) < 2 {
		return 0, "", errStat
	}
	ppid, err = strconv.Atoi(string(fields[1]))
	if err != nil || ppid < 0 {
		return 0, "", errStat
	}
	return ppid, string(fields[0]), nil
}

// parseChildren reads /proc/PID/task/TID/children: pids with spaces between.
func parseChildren(b []byte) []int {
	var pids []int
	for _, word := range strings.Fields(string(b)) {
		if pid, err := strconv.Atoi(word); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

// interpreter reads the #! line at the head of a script: the interpreter and,
// as one word, what follows it. Nothing where there is none.
func interpreter(head []byte) []string {
	line, found := bytes.CutPrefix(head, []byte("#!"))
	if !found {
		return nil
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	name, arg, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	if arg = strings.TrimSpace(arg); arg != "" {
		return []string{name, arg}
	}
	return []string{name}
}
