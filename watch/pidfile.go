package watch

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// pidfileSize is how much of a pidfile is read, in bytes: the pid stands in
// its first line.
const pidfileSize = 64

var (
	errPidfileEmpty   = errors.New("is empty")
	errPidfileGarbage = errors.New("does not begin with a line that is a pid")
)

// parsePidfile reads the pid from the beginning of a pidfile.
func parsePidfile(b []byte) (int, error) {
	line, _, whole := bytes.Cut(b, []byte("\n"))
	line = bytes.TrimSpace(line)
	if len(bytes.TrimSpace(b)) == 0 {
		return 0, errPidfileEmpty
	}
	pid, err := strconv.ParseInt(string(line), 10, 32)
	if err != nil || !whole && len(b) >= pidfileSize {
		return 0, errPidfileGarbage
	}
	if pid <= 1 {
		return 0, fmt.Errorf("names pid %d, which can't be a service's", pid)
	}
	return int(pid), nil
}
