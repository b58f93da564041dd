package control

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// places are the folders in which services of one runtime directory may have their files. That is one
// folder, but for an ordinary user's default: it moves with logins, and is with or without
// XDG_RUNTIME_DIR. A name is one service in all of them.
type places struct {
	paths []string // the one to be used first
	uid   int      // the owner
	key   string   // part of the names of their locks

	mu   sync.Mutex
	open []*Dir // those of paths that are there
	left []*Dir // those that were
}

// DefaultDir returns the runtime directory of a user where none was chosen. It is the same
// with and without XDG_RUNTIME_DIR, where /run/user/UID is there and the user's.
func DefaultDir(uid int) string { return usable(defaultDirs(uid), uid)[0] }

// defaultDirs are all folders that may be a user's default, as far as we know.
func defaultDirs(uid int) []string {
	if uid == 0 {
		return []string{"/run/respawner"}
	}
	dirs := []string{fmt.Sprintf("/run/user/%d/respawner", uid)}
	// The base directory specification has relative paths ignored.
	if dir := os.Getenv("XDG_RUNTIME_DIR"); uid == os.Geteuid() && filepath.IsAbs(dir) {
		dirs = append(dirs, filepath.Join(dir, "respawner"))
	}
	return slices.Compact(append(dirs, fmt.Sprintf("/tmp/respawner-%d", uid)))
}

// usable returns those of a user's default folders that the user can have now. There is always one.
func usable(dirs []string, uid int) []string {
	last := len(dirs) - 1
	return append(slices.DeleteFunc(slices.Clone(dirs[:last]), func(dir string) bool {
		var st unix.Stat_t
		err := unix.Stat(filepath.Dir(dir), &st)
		return err != nil || int(st.Uid) != uid || st.Mode&0o022 != 0
	}), dirs[last])
}

// placesOf returns the places of a runtime directory.
func placesOf(path string, uid int) *places {
	path = filepath.Clean(path)
	p := &places{paths: []string{path}, uid: uid}
	if dirs := defaultDirs(uid); slices.Contains(dirs, path) {
		p.paths = append(p.paths, slices.DeleteFunc(dirs, func(dir string) bool { return dir == path })...)
	}
	p.key = keyOf(p.paths)
	return p
}

// keyOf returns what stands for the places in the name of a lock. Chroots and containers with a folder
// of the same path have another one. It outlives the folder.
func keyOf(paths []string) string {
	above, base := filepath.Split(paths[0])
	if len(paths) > 1 {
		above, base = "/", "default"
	}
	what := paths[0]
	var st unix.Stat_t
	if unix.Stat(above, &st) == nil {
		what = fmt.Sprintf("%d:%d:%s", st.Dev, st.Ino, base)
	}
	sum := sha256.Sum256([]byte(what))
	return hex.EncodeToString(sum[:8])
}

// look returns the folders that are there now.
func (p *places) look() []*Dir {
	p.mu.Lock()
	defer p.mu.Unlock()
	were := p.open
	p.open = nil
	for _, path := range p.paths {
		i := slices.IndexFunc(were, func(d *Dir) bool { return d.path == path })
		if i >= 0 && were[i].isThere() {
			p.open = append(p.open, were[i])
			continue
		}
		if i >= 0 {
			p.left = append(p.left, were[i])
		}
		if d := p.enter(path); d != nil {
			p.open = append(p.open, d)
		}
	}
	return p.open
}

// enter opens one of the folders. One that can't be used has nothing of the owner's: it is passed over.
func (p *places) enter(path string) *Dir {
	d, err := openFolder(path)
	if err != nil {
		return nil
	}
	if d.owner != p.uid {
		d.file.Close()
		return nil
	}
	d.places = p
	return d
}

func (p *places) close() (err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range append(p.left, p.open...) {
		err = errors.Join(err, d.file.Close())
	}
	p.open, p.left = nil, nil
	return err
}

// isThere reports whether the directory's path still leads to it.
func (d *Dir) isThere() bool {
	var here, there unix.Stat_t
	return unix.Fstat(int(d.file.Fd()), &here) == nil && unix.Lstat(d.path, &there) == nil &&
		here.Dev == there.Dev && here.Ino == there.Ino
}

// all returns the folders that are there now, and at least this one.
func (d *Dir) all() []*Dir {
	if dirs := d.places.look(); len(dirs) > 0 {
		return dirs
	}
	return []*Dir{d}
}

// of returns the folder in which a service has its files, or would have them.
func (d *Dir) of(name string) *Dir {
	dirs := d.all()
	for _, files := range [][]string{{".lock"}, {".json", definitionFile(""), ".history"}} {
		for _, f := range dirs {
			if slices.ContainsFunc(files, func(suffix string) bool { return f.contains(name + suffix) }) {
				return f
			}
		}
	}
	return dirs[0]
}

func (d *Dir) contains(name string) bool { return d.inode(name) != inode{} }

// inode returns what has a name in the directory, zero for nothing.
func (d *Dir) inode(name string) inode {
	var st unix.Stat_t
	if unix.Fstatat(int(d.file.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return inode{}
	}
	return inode{st.Dev, st.Ino}
}

// openAny opens the first of the folders that is there. The error is of the one that comes first, or of
// one that must not be used.
func (p *places) openAny() (*Dir, error) {
	var first error
	for _, path := range p.paths {
		d, err := openFolder(path)
		if err == nil {
			if d.owner != p.uid { // root, and groups, may ask for others
				p = placesOf(path, d.owner)
			}
			d.places, p.open = p, []*Dir{d}
			return d, nil
		}
		if first == nil || errors.Is(first, fs.ErrNotExist) {
			first = err
		}
	}
	return nil, first
}
