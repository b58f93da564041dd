package watch

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Only what nobody else can have written is believed, by every folder above it
// and every link on the way.
func TestWrittenByUs(t *testing.T) {
	base, err := os.MkdirTemp("/run", "respawner-test")
	if err != nil {
		unmet(t, err) // an ordinary user has no folder that is safe for sure
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	dir := func(name string, mode os.FileMode) string {
		path := filepath.Join(base, name)
		check(t, os.Mkdir(path, 0o755))
		check(t, os.Chmod(path, mode))
		return path
	}
	safe, open := dir("safe", 0o755), dir("open", 0o777)
	within := dir("open/within", 0o755)
	users := dir("users", 0o755)
	check(t, os.Chown(users, 65534, 0))
	sticky := dir("sticky", 0o777|os.ModeSticky)
	foreign := write(t, safe+"/foreign", "1", 0o644)
	check(t, os.Chown(foreign, 65534, 0))
	good := write(t, safe+"/good", "1", 0o600)
	check(t, os.Symlink(good, safe+"/link"))
	check(t, os.Symlink(good, open+"/link"))
	check(t, os.Symlink(open+"/file", safe+"/out"))
	check(t, os.Symlink(safe+"/missing", safe+"/dangling"))
	check(t, os.Symlink(safe, open+"/way"))
	check(t, os.Symlink(open+"/way", safe+"/detour"))
	check(t, os.Symlink("../safe/../safe", safe+"/around"))
	check(t, os.Symlink(safe+"/loop", safe+"/loop"))
	const byOthers, another = "can be written by others", "belongs to another user"
	for path, want := range map[string]string{
		good:                                 "",
		safe + "/link":                       "",
		safe + "/detour/good":                byOthers,
		safe + "/around/good":                "",
		safe + "/loop":                       "too many levels",
		open + "/link":                       byOthers,
		write(t, open+"/file", "1", 0o644):   byOthers,
		safe + "/out":                        byOthers,
		write(t, within+"/file", "1", 0o644): byOthers,
		write(t, sticky+"/file", "1", 0o644): byOthers,
		write(t, safe+"/loose", "1", 0o664):  byOthers,
		write(t, users+"/file", "1", 0o644):  another,
		foreign:                              another,
		safe + "/dangling":                   "no such file",
		safe + "/missing":                    "no such file",
	} {
		switch err := writtenByUs(path); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// FuzzWrittenByUs: what is believed is, by the kernel's own walk through whatever
// links there are, a file that is ours below nothing but folders of ours; and
// where all is ours, all is believed.
func FuzzWrittenByUs(f *testing.F) {
	base, err := os.MkdirTemp("/run", "respawner-test")
	if err != nil {
		unmet(f, err) // an ordinary user has no folder that is safe for sure
	}
	f.Cleanup(func() { _ = os.RemoveAll(base) })
	places := []string{"a", "a/b", "c", "a/f", "a/b/f", "c/f"} // of which each may be open to others
	for _, place := range places {
		path := filepath.Join(base, place)
		if filepath.Base(place) == "f" {
			err = errors.Join(err, os.WriteFile(path, nil, 0o600))
		} else {
			err = errors.Join(err, os.Mkdir(path, 0o700))
		}
	}
	if err != nil {
		f.Fatal(err)
	}
	for _, links := range []string{"b c", "../c/f b/../f", "/c/l/f /a", "l l", "../c/l ../a/l", "./b//./f /a/b/", "../../../tmp x", "f/.. f/"} {
		first, second, _ := strings.Cut(links, " ")
		for _, path := range []string{"a/l", "a/l/f", "c/l", "c/l/b/f", "a/b/f"} {
			f.Add(uint8(0), first, second, path)
			f.Add(uint8(4), first, second, path)
		}
	}
	f.Fuzz(func(t *testing.T, open uint8, first, second, path string) {
		all := first + second + path
		path = filepath.Join(base, path)
		if strings.ContainsRune(all, 0) || len(all) > 200 || !strings.HasPrefix(path, base+"/") {
			return
		}
		for i, place := range places {
			mode := os.FileMode(0o700 | 0o022*uint32(open>>i&1))
			check(t, os.Chmod(filepath.Join(base, place), mode))
		}
		for link, target := range map[string]string{"a/l": first, "c/l": second} {
			if filepath.IsAbs(target) {
				target = base + target
			}
			link = filepath.Join(base, link)
			_ = os.Remove(link) // at first there is none
			if os.Symlink(target, link) != nil {
				return // an empty one
			}
		}
		believed := writtenByUs(path)
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			if believed == nil && err != unix.ENOTDIR { // what can't be opened is not read
				t.Errorf("%s is believed, but: %v", path, err)
			}
			return
		}
		there, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		check(t, errors.Join(err, unix.Close(fd)))
		if believed == nil {
			for at := there; at != "/"; at = filepath.Dir(at) {
				if err := ours(at); err != nil {
					t.Errorf("%s is %s, and believed, but %v", path, there, err)
				}
			}
		} else if open == 0 && !strings.Contains(all, "..") && strings.HasPrefix(there, base) {
			t.Errorf("%s is %s, and not believed: %v", path, there, believed)
		}
	})
}
