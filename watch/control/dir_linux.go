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

// ErrUntrusted is what a runtime directory is refused with that others than
// its owner, or we, could change.
var ErrUntrusted = errors.New("not a safe runtime directory")

// Dir is an open runtime directory. A service's name becomes a part of file
// names in it: it must be none with a slash. All files are reached through the
// descriptor that was checked, so nobody can exchange the directory later.
//
// A user's default is several folders, of which a Dir is one. What asks for a
// service by its name finds it in all of them.
type Dir struct {
	path   string
	file   *os.File
	owner  int
	group  int // who else may look and act by files that are made, -1 for nobody
	places *places
}

// OpenDir opens the runtime directory at path, to ask. A directory that does
// not exist is an error that is fs.ErrNotExist. One that is a symbolic link,
// that others than its owner can write, or whose owner is neither root nor we
// wraps ErrUntrusted; but root may ask everywhere, and a group where it may
// enter. A directory that was removed under supervisors is waited for, for
// Patience: they put it back.
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

// MakeDir is OpenDir for a supervisor: it first makes the directory, for its
// owner alone, if it does not exist; one of another owner wraps ErrUntrusted.
// Of a user's default folders it is the first that can be had.
func MakeDir(path string) (d *Dir, err error) {
	p := placesOf(path, os.Geteuid())
	paths := p.paths
	if len(paths) > 1 {
		paths = usable(defaultDirs(p.uid), p.uid)
	}
	for _, path := range paths {
		if d, err = makeFolder(path); err == nil {
			p.key = keyOf(p.paths) // what it goes by may have been made just now
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

// Trust reports whether what is written in the directory, or its supervisors say,
// may be run: its owner decides on that. The error wraps ErrUntrusted unless
// that is root or we.
func (d *Dir) Trust() error {
	if d.owner == 0 || d.owner == os.Geteuid() {
		return nil
	}
	return fmt.Errorf("%w: %s belongs to uid %d, who decides what would be run: do this as that user", ErrUntrusted, d.path, d.owner)
}

func inGroup(gid int) bool {
	groups, err := os.Getgroups()
	return err == nil && slices.Contains(append(groups, os.Getegid()), gid)
}

// Share lets the members of a group look into the directory, and at what is
// made in it from now on. It is refused where another group may already.
func (d *Dir) Share(gid int) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.file.Fd()), &st); err != nil {
		return fmt.Errorf("runtime directory %s: %w", d.path, err)
	}
	d.group = gid
	switch {
	case st.Mode&0o001 != 0:
		return nil // everybody may enter already
	case st.Mode&0o010 != 0 && int(st.Gid) != gid:
		return fmt.Errorf("group %d may use %s already: another group needs another --runtime-dir", st.Gid, d.path)
	}
	return errors.Join(d.file.Chown(-1, gid), d.file.Chmod(0o750))
}

// share gives a file to the group, with a mode that tells what it may do.
func (d *Dir) share(f *os.File, mode os.FileMode) error {
	if d.group < 0 {
		return nil
	}
	return errors.Join(f.Chown(-1, d.group), f.Chmod(mode|os.ModeSticky))
}

// Names are the services that have a supervisor, or had one and have not been
// forgotten, sorted.
func (d *Dir) Names() ([]string, error) {
	names := d.places.heldNames() // of some the files are being put back
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

// at is a path to a file of the directory, whatever the directory's own path
// has become, and short enough for a socket's address.
func (d *Dir) at(name string) string {
	return fmt.Sprintf("/proc/self/fd/%d/%s", d.file.Fd(), name)
}

// fileMode is that of files that are made. Cleaners leave alone what has the
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
