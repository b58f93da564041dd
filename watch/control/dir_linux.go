package control

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"respawner/watch/safepath"
)

// ErrUntrusted is the error for a runtime directory that users other than
// its owner, root and the caller could change.
var ErrUntrusted = errors.New("not a safe runtime directory")

// Dir is an open runtime directory. A service's name becomes a part of file
// names in it, so a name must have no slash. All files are reached through the
// descriptor that was checked, so no other process can exchange the directory later.
//
// A user's default is several folders, of which a Dir is one. A method that takes
// the name of a service looks for the service in all of them.
type Dir struct {
	path   string
	file   *os.File
	owner  int
	group  int // the group that may use the files that are made, -1 for none
	places *places
}

// OpenDir opens the runtime directory at path, to ask. The error is fs.ErrNotExist where
// the directory does not exist. The error wraps ErrUntrusted where it is a symbolic link,
// where users other than its owner can write it, or where its owner is neither root nor the
// caller. But root may ask everywhere, and a group may ask where it may
// enter. If the directory was removed under supervisors, OpenDir waits for it for
// Patience: the supervisors put it back.
func OpenDir(path string) (*Dir, error) {
	p := placesOf(path, os.Geteuid())
	d, err := p.openAny()
	if !errors.Is(err, os.ErrNotExist) {
		return d, err
	}
	held := p.heldNames()
	if len(held) == 0 {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for _, name := range held {
		p.knock(name)
	}
	if d, err = AwaitDir(ctx, path); errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %s was removed, and they can't put it back: make it again", ErrSilent, path)
	}
	return d, err
}

// openFolder opens one folder.
func openFolder(path string) (*Dir, error) {
	f, err := safepath.OpenDir(path)
	var kind *safepath.KindError
	if errors.As(err, &kind) {
		return nil, fmt.Errorf("%w: %s is a link or no directory; name another with --runtime-dir", ErrUntrusted, path)
	}
	if err != nil {
		return nil, fmt.Errorf("runtime directory: %w", err)
	}
	d := &Dir{path: path, file: f, group: -1}
	if err := d.check(int(f.Fd())); err != nil {
		return nil, errors.Join(err, d.file.Close())
	}
	return d, nil
}

func (d *Dir) check(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("runtime directory %s: %w", d.path, err)
	}
	d.owner = int(st.Uid)
	if uid := os.Geteuid(); uid != 0 && d.owner != 0 && uid != d.owner && (st.Mode&0o010 == 0 || !inGroup(int(st.Gid))) {
		return d.notYours()
	}
	if st.Mode&0o022 != 0 {
		return fmt.Errorf("%w: %s can be written by others; chmod go-w it, or name another with --runtime-dir", ErrUntrusted, d.path)
	}
	return nil
}

// MakeDir opens the runtime directory for a supervisor. It makes a directory that does not
// exist, for its owner alone. The error wraps ErrUntrusted where another user owns the directory.
// Of a user's default folders it takes the first that can be used.
func MakeDir(path string) (d *Dir, err error) {
	p := placesOf(path, os.Geteuid())
	paths := p.paths
	if len(paths) > 1 {
		paths = usable(defaultDirs(p.uid), p.uid)
	}
	for _, path := range paths {
		if d, err = makeFolder(path); err == nil {
			p.key = keyOf(p.paths) // the folder of the key may have been made just now
			d.places, p.open = p, []*Dir{d}
			return d, nil
		}
	}
	return nil, err
}

func makeFolder(path string) (*Dir, error) {
	if err := safepath.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the runtime directory's parent: %w", err)
	}
	if err := safepath.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("make the runtime directory: %w", err)
	}
	d, err := openFolder(path)
	if err != nil {
		return nil, err
	}
	if d.owner != os.Geteuid() {
		return nil, errors.Join(d.notYours(), d.file.Close())
	}
	return d, nil
}

func (d *Dir) notYours() error {
	return fmt.Errorf("%w: %s belongs to uid %d, not to you (uid %d); name another with --runtime-dir",
		ErrUntrusted, d.path, d.owner, os.Geteuid())
}

// Trust returns nil where a command may be run that is written in the directory, or that its supervisors
// tell: the directory's owner decides on that command. The error wraps ErrUntrusted unless
// the owner is root or the caller.
func (d *Dir) Trust() error {
	if d.owner == 0 || d.owner == os.Geteuid() {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to uid %d, which decides what would be run: do this as that user", ErrUntrusted, d.path, d.owner)
}

func inGroup(gid int) bool {
	groups, err := os.Getgroups()
	return err == nil && slices.Contains(append(groups, os.Getegid()), gid)
}

// Share lets the members of a group look into the directory, and use the files that are
// made in it from now on. It fails where another group may do so already.
func (d *Dir) Share(gid int) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.file.Fd()), &st); err != nil {
		return fmt.Errorf("runtime directory %s: %w", d.path, err)
	}
	d.group = gid
	switch {
	case st.Mode&0o001 != 0:
		return nil // all users may enter already
	case st.Mode&0o010 != 0 && int(st.Gid) != gid:
		return fmt.Errorf("group %d may use %s already: another group needs another --runtime-dir", st.Gid, d.path)
	}
	return errors.Join(d.file.Chown(-1, gid), d.file.Chmod(0o750))
}

// share gives a file to the group, with a mode.
func (d *Dir) share(f *os.File, mode os.FileMode) error {
	if d.group < 0 {
		return nil
	}
	return errors.Join(f.Chown(-1, d.group), f.Chmod(mode|os.ModeSticky))
}

// Names returns the names of services, sorted: those that have a supervisor, and those that had one and have not been
// forgotten.
func (d *Dir) Names() ([]string, error) {
	names := d.places.heldNames() // the files of some may be missing until they are put back
	for _, f := range d.all() {
		some, err := f.names()
		if err != nil {
			return nil, err
		}
		names = append(names, some...)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (d *Dir) names() ([]string, error) {
	entries, err := os.ReadDir(d.at(""))
	if err != nil {
		return nil, fmt.Errorf("runtime directory %s: %w", d.path, err)
	}
	var names []string
	for _, e := range entries {
		for _, suffix := range knownBy() {
			if name, found := strings.CutSuffix(e.Name(), suffix); found && !strings.HasPrefix(name, ".") {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// Close closes the directory.
func (d *Dir) Close() error { return d.places.close() }

// at returns a path to a file of the directory. It holds when the directory is renamed,
// and is short enough for a socket's address.
func (d *Dir) at(name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.file.Fd(), name)
}

// fileMode is the mode of files that are made. Cleaners leave a file alone that has the
// sticky bit, as the base directory specification says.
const fileMode = os.ModeSticky | 0o600

// open opens a regular file. A FIFO or a link that its owner may have put there is
// an error.
func (d *Dir) open(name string, flags int) (*os.File, error) {
	fd, err := safepath.OpenAt(int(d.file.Fd()), name, flags, fileMode)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Join(d.path, name), Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (d *Dir) remove(name string) error {
	err := unix.Unlinkat(int(d.file.Fd()), name, 0)
	if err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "remove", Path: filepath.Join(d.path, name), Err: err}
	}
	return nil
}
