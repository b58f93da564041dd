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
// folder, except for the default of an ordinary user: that depends on logins and on
// XDG_RUNTIME_DIR. A name is one service in all of them.
type places struct {
	paths []string // the first is preferred
	uid   int      // the owner
	key   string   // part of the names of their locks

	mu   sync.Mutex
	open []*Dir // the folders of paths that are there
	left []*Dir // the folders that were there before
}

// DefaultDir returns the runtime directory of a user that has chosen none. It is the same
// with and without XDG_RUNTIME_DIR where /run/user/UID exists and belongs to the user.
func DefaultDir(uid int) string { return usable(defaultDirs(uid), uid)[0] }

// defaultDirs returns all known folders that may be a user's default.
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

// usable returns the default folders that the user can use now. There is always one.
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
// of the same path have another key. The key outlives the folder.
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

// enter opens one of the folders. It passes over a folder that can't be used: the owner has no files there.
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

// of returns the folder in which a service has its files, or would have files.
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

// inode returns the inode that has a name in the directory, zero for none.
func (d *Dir) inode(name string) inode {
	var st unix.Stat_t
	if unix.Fstatat(int(d.file.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return inode{}
	}
	return inode{st.Dev, st.Ino}
}

// openAny opens the first of the folders that exists. The error is that of the first folder, or that of
// a folder that must not be used.
func (p *places) openAny() (*Dir, error) {
	var first error
	for _, path := range p.paths {
		d, err := openFolder(path)
		if err == nil {
			if d.owner != p.uid { // root, and groups, may ask for services of other users
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
