package watch

import (
	"errors"
	"fmt"
	"strconv"
)

// disposition is what becomes of a signal that a process is sent.
type disposition int

const (
	unhandled disposition = iota // what the kernel does by default: of most signals the process dies
	discarded                    // the process ignores it
	blocked                      // it waits for the process to take it, which may never come about
	handled                      // the process has a handler, or waits for the signal
)

// reception is how a process would take a signal.
type reception struct {
	name string // of the process, as its /proc/PID/status has it
	disposition
}

// parseReception reads /proc/PID/status (proc_pid_status(5)). A handler counts for more
// than that the signal is blocked, which lasts only for moments then.
func parseReception(status []byte, signal int) (reception, error) {
	name, err := procField(status, "Name")
	r := reception{name: string(name)}
	for _, mask := range []struct {
		field string
		disposition
	}{{"SigIgn", discarded}, {"SigBlk", blocked}, {"SigCgt", handled}} {
		has, errMask := hasSignal(status, mask.field, signal)
		err = errors.Join(err, errMask)
		if has {
			r.disposition = mask.disposition
		}
	}
	return r, err
}

// hasSignal reports whether a field of /proc/PID/status, a mask, has a signal in it.
func hasSignal(status []byte, field string, signal int) (bool, error) {
	value, err := procField(status, field)
	if err != nil {
		return false, err
	}
	mask, err := strconv.ParseUint(string(value), 16, 64)
	if err != nil {
		return false, fmt.Errorf("%w: %s is %q", errStatus, field, value)
	}
	return mask>>(signal-1)&1 == 1, nil
}
