package safepath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const stranger = 65534

// safeDir is a folder that is safe for sure. An ordinary user has none, and can't
// give files away.
func safeDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/run", "respawner-test")
	if err != nil {
		if os.Getenv("RESPAWNER_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string, mode os.FileMode) string {
	t.Helper()
	check(t, errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)))
	return path
}

func mkdir(t testing.TB, path string, mode os.FileMode) string {
	t.Helper()
	check(t, errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)))
	return path
}

// trusted is what OpenTrusted says of a path, whatever went wrong.
func trusted(path string) error {
	f, trusted, err := OpenTrusted(path)
	if err == nil {
		err = errors.Join(trusted, f.Close())
	}
	return err
}

// Only what no other user can have written is trusted, by every folder above it
// and every link on the way.
func TestOpenTrusted(t *testing.T) {
	base := safeDir(t)
	dir := func(name string, mode os.FileMode) string { return mkdir(t, filepath.Join(base, name), mode) }
	safe, open := dir("safe", 0o755), dir("open", 0o777)
	within := dir("open/within", 0o755)
	users := dir("users", 0o755)
	check(t, os.Chown(users, stranger, 0))
	sticky := dir("sticky", 0o777|os.ModeSticky)
	foreign := write(t, safe+"/foreign", "1", 0o644)
	check(t, os.Chown(foreign, stranger, 0))
	good := write(t, safe+"/good", "1", 0o600)
	check(t, os.Symlink(good, safe+"/link"))
	check(t, os.Symlink(good, open+"/link"))
	check(t, os.Symlink(open+"/file", safe+"/out"))
	check(t, os.Symlink(safe+"/missing", safe+"/dangling"))
	check(t, os.Symlink(safe, open+"/way"))
	check(t, os.Symlink(open+"/way", safe+"/detour"))
	check(t, os.Symlink("../safe/../safe", safe+"/around"))
	check(t, os.Symlink(safe+"/loop", safe+"/loop"))
	const byOthers, another, planted = "can be written by others", "belongs to another user", "another user can have put it there"
	for path, want := range map[string]string{
		good:                                 "",
		safe + "/link":                       "",
		safe + "/detour/good":                planted,
		safe + "/around/good":                "",
		safe + "/loop":                       "too many levels",
		open + "/link":                       planted,
		write(t, open+"/file", "1", 0o644):   byOthers,
		safe + "/out":                        byOthers,
		write(t, within+"/file", "1", 0o644): byOthers,
		write(t, sticky+"/file", "1", 0o644): byOthers,
		write(t, safe+"/loose", "1", 0o664):  byOthers,
		write(t, users+"/file", "1", 0o644):  another,
		foreign:                              another,
		safe + "/dangling":                   "no such file",
		safe + "/missing":                    "no such file",
		safe + "/good/":                      "not a directory",
		safe:                                 "is a directory",
	} {
		switch err := trusted(path); {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

// isPlanted, by the owners and modes of the folder and of what is in it.
func TestIsPlanted(t *testing.T) {
	us, group := uint32(os.Geteuid()), uint32(os.Getegid())
	const other = 4242
	for _, tt := range []struct {
		what    string
		dir     unix.Stat_t
		fileUID uint32
		nlink   int
		want    bool
	}{
		{"in our folder", unix.Stat_t{Uid: us, Mode: 0o755}, us, 1, false},
		{"given away in our folder", unix.Stat_t{Uid: us, Mode: 0o755}, other, 2, false},
		{"in root's folder", unix.Stat_t{Uid: 0, Mode: 0o755}, other, 1, false},
		{"in another's folder", unix.Stat_t{Uid: other, Mode: 0o755}, us, 1, true},
		{"in a folder that is sticky, but another's", unix.Stat_t{Uid: other, Mode: 0o1777}, us, 1, true},
		{"in a folder for all", unix.Stat_t{Uid: us, Mode: 0o777}, us, 1, true},
		{"in a sticky one", unix.Stat_t{Uid: 0, Mode: 0o1777}, us, 1, false},
		{"another's in a sticky one", unix.Stat_t{Uid: 0, Mode: 0o1777}, other, 1, true},
		{"with a second name in a sticky one", unix.Stat_t{Uid: 0, Mode: 0o1777}, us, 2, true},
		{"in a folder for our group", unix.Stat_t{Uid: us, Gid: group, Mode: 0o775}, us, 1, false},
		{"another's in a folder for our group", unix.Stat_t{Uid: us, Gid: group, Mode: 0o775}, other, 1, true},
		{"in a folder for another group", unix.Stat_t{Uid: us, Gid: group + 1, Mode: 0o775}, us, 1, true},
	} {
		file := unix.Stat_t{Uid: tt.fileUID, Mode: unix.S_IFLNK | 0o777}
		for range tt.nlink {
			file.Nlink++
		}
		if got := isPlanted(&tt.dir, &file); got != tt.want {
			t.Errorf("%s: %v", tt.what, got)
		}
	}
}

// Where nothing is planted a path leads where the kernel says.
func TestLinksOfProcfs(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "x")
	check(t, err)
	defer f.Close()
	for _, path := range []string{fmt.Sprintf("/proc/self/fd/%d", f.Fd()), fmt.Sprintf("/dev/fd/%d", f.Fd()), fmt.Sprintf("/proc/thread-self/fd/%d", f.Fd())} {
		got, err := Append(path, 0o600)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !sameFile(t, got, f) {
			t.Errorf("%s led elsewhere", path)
		}
		check(t, got.Close())
	}
}

func sameFile(t testing.TB, a, b *os.File) bool {
	t.Helper()
	x, errX := a.Stat()
	y, errY := b.Stat()
	check(t, errors.Join(errX, errY))
	return os.SameFile(x, y)
}

// kernelFinds is what the kernel's own walk finds at the end of a path.
func kernelFinds(path string, follow bool) (there string, st unix.Stat_t, err error) {
	flags := unix.O_PATH | unix.O_CLOEXEC
	if !follow {
		flags |= unix.O_NOFOLLOW
	}
	fd, err := unix.Open(path, flags, 0)
	if err != nil {
		return "", st, err
	}
	defer unix.Close(fd)
	err = unix.Fstat(fd, &st)
	there, _ = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	return there, st, err
}

// FuzzFind: where the walk arrives is where the kernel's own does, with the same
// error, unless it refuses a link. It refuses none where no folder is open to
// others, follows none where one is that it came through, and trusts only what
// lies below nothing but folders of ours.
func FuzzFind(f *testing.F) {
	base := safeDir(f)
	places := []string{"a", "a/b", "c", "a/f", "a/b/f", "c/f"} // of which each may be open to others
	for _, place := range places {
		path := filepath.Join(base, place)
		if filepath.Base(place) == "f" {
			write(f, path, "", 0o600)
		} else {
			mkdir(f, path, 0o700)
		}
	}
	for _, links := range []string{"b c", "../c/f b/../f", "/c/l/f /a", "l l", "../c/l ../a/l", "./b//./f /a/b/", "../../../tmp x", "f/.. f/", "b/. /", "//c// ./"} {
		first, second, _ := strings.Cut(links, " ")
		for _, path := range []string{"a/l", "a/l/f", "c/l", "c/l/b/f", "a/b/f", "a/l/", "a/f/", "a/f/..", "c/l/.", "a/../c//l/../a/f", "none/..", ""} {
			f.Add(uint8(0), first, second, path)
			f.Add(uint8(4), first, second, path)
			f.Add(uint8(1), first, second, path)
		}
	}
	f.Fuzz(func(t *testing.T, open uint8, first, second, path string) {
		if all := first + second + path; strings.ContainsRune(all, 0) || len(all) > 200 {
			return
		}
		path = base + "/" + path
		for i, place := range places {
			check(t, os.Chmod(filepath.Join(base, place), os.FileMode(0o700|0o022*uint32(open>>i&1))))
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
		for _, follow := range []bool{true, false} {
			compare(t, base, path, follow, open&7 != 0)
		}
		if trusted(path) == nil {
			there, _, err := kernelFinds(path, true)
			check(t, err)
			for at := there; at != "/"; at = filepath.Dir(at) {
				info, err := os.Stat(at)
				check(t, err)
				if info.Mode()&0o022 != 0 {
					t.Errorf("%s is %s, and trusted, but others can write to %s", path, there, at)
				}
			}
		}
	})
}

func compare(t *testing.T, base, path string, follow, open bool) {
	t.Helper()
	there, st, want := kernelFinds(path, follow)
	p, err := find(path, follow)
	if err == nil {
		defer p.close()
		if p.isEmpty() {
			err = unix.ENOENT
		}
	}
	switch {
	case errors.Is(err, ErrPlanted):
		outside := func(path string) bool { return !strings.HasPrefix(path, base+"/") }
		if !open && (want != nil || !outside(there)) && !strings.Contains(path, "..") && !leavesBase(t, base) {
			t.Errorf("%s (%v) is refused, though nothing is open: %v", path, follow, err)
		}
	case !errors.Is(err, want) || want == nil && err != nil:
		t.Errorf("%s (%v): %v, but the kernel says %v", path, follow, err, want)
	case err == nil && (p.found.st.Ino != st.Ino || p.found.st.Dev != st.Dev):
		t.Errorf("%s (%v) led to %s, but the kernel finds %s", path, follow, p.found.path(), there)
	}
}

// leavesBase reports whether a link of the fuzz test leads out of its folder.
func leavesBase(t *testing.T, base string) bool {
	t.Helper()
	return slices.ContainsFunc([]string{"/a/l", "/c/l"}, func(link string) bool {
		target, err := os.Readlink(base + link)
		check(t, err)
		return strings.Contains(target, "..")
	})
}

// An ACL shows in the mode as the group's right: a link of its user is planted, be
// the group our own.
func TestLinkByACL(t *testing.T) {
	dir := mkdir(t, safeDir(t)+"/dir", 0o755)
	const version, user, userObj, groupObj, mask, other, none = 2, 0x02, 0x01, 0x04, 0x10, 0x20, 0xffffffff
	acl := binary.LittleEndian.AppendUint32(nil, version)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{userObj, 7, none}, {user, 7, stranger}, {groupObj, 5, none}, {mask, 7, none}, {other, 5, none}} {
		acl = binary.LittleEndian.AppendUint16(acl, e.tag)
		acl = binary.LittleEndian.AppendUint16(acl, e.perm)
		acl = binary.LittleEndian.AppendUint32(acl, e.id)
	}
	if err := unix.Setxattr(dir, "system.posix_acl_access", acl, 0); err != nil {
		t.Skip("no ACLs: ", err)
	}
	check(t, errors.Join(os.Symlink("target", dir+"/link"), os.Lchown(dir+"/link", stranger, stranger)))
	if _, err := Append(dir+"/link", 0o600); !errors.Is(err, ErrPlanted) {
		t.Errorf("got %v", err)
	}
}
