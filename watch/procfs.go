package watch

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

var errStat = errors.New("not a line of /proc/PID/stat")

// procStat is a part of /proc/PID/stat.
type procStat struct {
	state string // Z for a zombie
	ppid  int
	start time.Duration // since boot, rounded down to userTick
}

// userTick is the unit of times in /proc: USER_HZ is 100 wherever Go runs.
const userTick = 10 * time.Millisecond

// parseStat reads /proc/PID/stat. The command in it is the process's own words
// and may have anything in it, parentheses too.
func parseStat(stat []byte) (procStat, error) {
	const stateAt, ppidAt, startAt = 0, 1, 19 // of the fields after the command (proc(5))
	i := bytes.LastIndexByte(stat, ')')
	var fields [startAt + 1][]byte // there are more, and a slice of all is 2 kB of garbage
	n := 0
	for field := range bytes.FieldsSeq(stat[i+1:]) {
		if n == len(fields) {
			break
		}
		fields[n] = field
		n++
	}
	if i < 0 || n < len(fields) {
		return procStat{}, errStat
	}
	ppid, err := strconv.Atoi(string(fields[ppidAt]))
	ticks, errTicks := strconv.ParseInt(string(fields[startAt]), 10, 64)
	if err != nil || errTicks != nil || ppid < 0 || ticks < 0 || ticks > math.MaxInt64/int64(userTick) {
		return procStat{}, errStat
	}
	return procStat{string(fields[stateAt]), ppid, time.Duration(ticks) * userTick}, nil
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
	text := strings.Trim(string(line), " \t") // what the kernel takes for a blank (fs/binfmt_script.c)
	end := strings.IndexAny(text, " \t")
	switch {
	case text == "":
		return nil
	case end < 0:
		return []string{text}
	}
	return []string{text[:end], strings.TrimLeft(text[end:], " \t")}
}

// parseUID returns the real user that /proc/PID/status names (proc_pid_status(5)).
func parseUID(status []byte) (int, error) {
	uids, err := procField(status, "Uid")
	fields := bytes.Fields(uids)
	switch {
	case err != nil:
		return 0, err
	case len(fields) == 0:
		return 0, errStatus
	}
	return strconv.Atoi(string(fields[0]))
}

var errStatus = errors.New("not a /proc/PID/status")

// procField returns a field of /proc/PID/status. A name has no newline there that is
// not escaped, so that no process can make up a field.
func procField(status []byte, field string) ([]byte, error) {
	for line := range bytes.Lines(status) {
		if value, found := bytes.CutPrefix(line, []byte(field+":\t")); found {
			return bytes.TrimSuffix(value, []byte("\n")), nil
		}
	}
	return nil, fmt.Errorf("%w: it has no %s", errStatus, field)
}

// missing says what a program has not found, with that head, which the kernel could not
// start though it is there: its interpreter, or the loader that a binary names.
func missing(head []byte) string {
	words := interpreter(head)
	switch {
	case len(words) == 0:
		return "its loader (the program interpreter that a dynamic binary names) does not exist"
	case strings.HasSuffix(words[0], "\r"):
		return "its #! line ends with a carriage return, as lines of DOS do: sed -i 's/\\r$//' takes it off all lines"
	}
	return fmt.Sprintf("its interpreter %q (the #! line) does not exist", words[0])
}

// valueOf is what an environment, as /proc/PID/environ has it, says for a variable;
// empty where there is none.
func valueOf(env []byte, variable string) string {
	for v := range bytes.SplitSeq(env, []byte{0}) {
		if value, found := bytes.CutPrefix(v, []byte(variable+"=")); found {
			return string(value)
		}
	}
	return ""
}
