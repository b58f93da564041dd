package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxLinks is how many symbolic links the kernel follows in a path.
const maxLinks = 40

// writtenByUs returns nil if nobody but root and we can have written a file,
// or put it there: by its owner and mode, and by those of all folders on the
// way to it, through every link.
func writtenByUs(path string) error {
	path, err := filepath.Abs(path)
	at, todo := "/", strings.Split(path, "/")
	for links := 0; len(todo) > 0 && err == nil; {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at = filepath.Dir(at)
			continue
		}
		if err = ours(at); err != nil {
			return err
		}
		here := filepath.Join(at, name)
		target, errLink := os.Readlink(here)
		switch {
		case errors.Is(errLink, unix.EINVAL): // it is no link
			at = here
		case errLink != nil:
			err = errLink
		default:
			if links++; links > maxLinks {
				err = &os.PathError{Op: "open", Path: path, Err: unix.ELOOP}
			}
			if filepath.IsAbs(target) {
				at = "/"
			}
			todo = append(strings.Split(target, "/"), todo...)
		}
	}
	return errors.Join(err, ours(at))
}

func ours(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	switch {
	case st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user", path)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written by others", path)
	}
	return nil
}
