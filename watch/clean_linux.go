package watch

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"respawner/watch/safepath"
)

// clean makes way for a start: it removes the files that a killed instance has
// left, and that the next one would refuse to start beside. It returns those
// that it has removed; the error says why others are still there. A file that
// is not there is what was wanted.
func clean(paths []string) (removed []string, err error) {
	for _, path := range paths {
		switch e := makeWay(path); {
		case e == nil:
			removed = append(removed, path)
		case !errors.Is(e, unix.ENOENT):
			err = errors.Join(err, fmt.Errorf("%s can't be removed before the start: %w", path, e))
		}
	}
	return removed, err
}

// makeWay removes what is no directory and no device. A mount whose file system
// has died (a FUSE daemon that was killed) is taken away too: nothing can be in
// use there.
func makeWay(path string) error {
	err := safepath.Remove(path)
	if errors.Is(err, unix.ENOTCONN) {
		return safepath.Detach(path)
	}
	var kind *safepath.KindError
	if errors.As(err, &kind) {
		return fmt.Errorf("it is %s, only files are removed", kind.Kind)
	}
	var named *os.PathError
	if errors.As(err, &named) {
		return named.Err // the caller names the path
	}
	return err
}
