package watch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
