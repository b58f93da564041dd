//go:build linux

package test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// A folder that another user can write to will do for output and log, with
// rotation and reopen.
func TestOutputInAnotherUsersFolder(t *testing.T) {
	t.Parallel()
	eachVictim(t, func(a *attack) {
		out := textFile{a.t, a.folder + "/web.log"}
		a.log = textFile{a.t, a.folder + "/sup.log"}
		st := a.start("--output", out.path, "--output-size", "4K")
		out.waitFor(`begun$`, 1)
		for range 3 {
			kill(a.t, st.MainPID, unix.SIGUSR2)
			out.waitFor(`more of it$`, 1)
			rename(a.t, out.path, out.path+".moved")
			if r := a.tell("reopen"); r.code != 0 {
				a.t.Fatalf("reopen: %v", r)
			}
			eventually(a.t, "a new file", func() bool { return exists(out.path) })
			kill(a.t, st.MainPID, unix.SIGUSR2)
			out.waitFor(`more of it$`, 1)
			kill(a.t, st.MainPID, unix.SIGUSR2) // and it is full
			eventually(a.t, "a rotated file", func() bool { return len(glob(a.t, out.path+".2*")) > 0 })
			if err := os.Remove(glob(a.t, out.path+".2*")[0]); err != nil && !os.IsNotExist(err) { // it may just have been compressed
				a.t.Fatal(err)
			}
		}
		a.quietStop()
		a.log.waitFor(`stopped$`, 1)
	})
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// traps are what an attacker puts in the place of a log.
var traps = map[string]func(a *attack, path string) error{
	"link":          func(a *attack, path string) error { a.plants(path, a.precious); return nil },
	"dangling link": func(a *attack, path string) error { a.plants(path, a.dir+"/made"); return nil },
	"hard link":     func(a *attack, path string) error { return os.Link(a.precious, path) },
	"fifo":          func(a *attack, path string) error { openFIFO(a.t, path); return nil },
	"device":        func(a *attack, path string) error { return unix.Mknod(path, unix.S_IFCHR|0o666, 1<<8|5) },
	"folder":        func(a *attack, path string) error { a.plants(path, a.dir); return nil },
}

// Nothing is written through a trap at the start, which fails.
func TestPlantedLogAtStart(t *testing.T) {
	t.Parallel()
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			eachVictim(t, func(a *attack) {
				path := a.folder + "/x.log"
				if err := set(a, path); err != nil {
					a.t.Fatal(err)
				}
				notOpened := func() {}
				if name == "fifo" || name == "device" {
					notOpened = watchOpens(a.t, path)
				}
				mustFail(a.t, a.tell("start", "--output", path), 1, "--output", "x.log")
				a.log = textFile{a.t, path}
				mustFail(a.t, a.tell("start"), 1, "open the log", "x.log")
				notOpened()
				if exists(a.dir + "/made") {
					a.t.Error("a file was made through the link")
				}
				a.mustNotRun("stopped")
			})
		})
	}
}

// Nor while the service runs: at reopen the file at hand is kept, and at the next
// rotation the trap is put aside.
func TestPlantedLogLater(t *testing.T) {
	t.Parallel()
	for name, set := range traps {
		t.Run(name, func(t *testing.T) {
			eachVictim(t, func(a *attack) {
				out := textFile{a.t, a.folder + "/x.log"}
				moved := textFile{a.t, a.folder + "/moved"}
				st := a.start("--output", out.path, "--output-size", "4K")
				out.waitFor(`begun$`, 1)
				rename(a.t, out.path, moved.path)
				if err := set(a, out.path); err != nil {
					a.t.Fatal(err)
				}
				if r := a.tell("reopen"); r.code != 0 {
					a.t.Fatalf("reopen: %v", r)
				}
				a.log.waitFor(`error: .*kept as it should.*x\.log`, 1)
				kill(a.t, st.MainPID, unix.SIGUSR2)
				moved.waitFor(`more of it$`, 1)
				eventually(a.t, "a file in the place of the trap", func() bool {
					kill(a.t, st.MainPID, unix.SIGUSR2)
					info, err := os.Lstat(out.path)
					return err == nil && info.Mode().IsRegular() && out.count(`more of it$`) > 0
				})
				if exists(a.dir + "/made") {
					a.t.Error("a file was made through the link")
				}
				a.quietStop()
			})
		})
	}
}

// In a sticky folder a file of another user's takes no output, which that user
// would read.
func TestPlantedLogInStickyFolder(t *testing.T) {
	t.Parallel()
	eachVictim(t, func(a *attack) {
		if err := errors.Join(os.Chown(a.folder, 0, 0), os.Chmod(a.folder, 0o777|os.ModeSticky)); err != nil {
			a.t.Fatal(err)
		}
		path := writeFile(a.t, a.folder+"/x.log", "", 0o666)
		chmodChown(a.t, path, 0o666, attackerUID)
		mustFail(a.t, a.tell("start", "--output", path), 1, plantedWords)
		if b, err := os.ReadFile(path); len(b) > 0 || err != nil {
			a.t.Errorf("%q, %v", b, err)
		}
	})
}

// What was rotated out is not compressed into a readable file if it is a link by
// then: the attacker swaps the second file while the first, a large one, is
// compressed.
func TestPlantedRotatedFile(t *testing.T) {
	t.Parallel()
	eachVictim(t, func(a *attack) {
		out := textFile{a.t, a.folder + "/x.log"}
		first, second := out.path+".20200101T000000.000Z", out.path+".20210101T000000.000Z"
		writeFile(a.t, first, "", 0o644)
		if err := os.Truncate(first, 128<<20); err != nil {
			a.t.Fatal(err)
		}
		writeFile(a.t, second, "", 0o644)
		st := a.start("--output", out.path, "--output-size", "4K")
		for i := 1; i <= 2; i++ { // the second has no place any more
			kill(a.t, st.MainPID, unix.SIGUSR2)
			eventually(a.t, "a line", func() bool { return out.count(`more of it$`) == 1 && (i == 1 || exists(first+".gz.part")) })
		}
		if err := os.Remove(second); err != nil {
			a.t.Fatal(err)
		}
		a.plants(second, a.precious)
		if !exists(first + ".gz.part") {
			a.t.Fatal("the attacker was too slow")
		}
		eventually(a.t, "the first is compressed", func() bool { return !exists(first) })
		eventually(a.t, "what was rotated is compressed", func() bool { return len(glob(a.t, out.path+".202[2-9]*.gz")) == 1 })
		if exists(second + ".gz") {
			a.t.Error("the link was followed")
		}
		a.quietStop()
	})
}

// Nor is a second name of another file, since its mode was meant for the group of
// another folder: what is made in one with the setgid bit has that one's.
func TestPlantedRotatedHardLink(t *testing.T) {
	t.Parallel()
	eachVictim(t, func(a *attack) {
		out := textFile{a.t, a.folder + "/x.log"}
		second := out.path + ".20210101T000000.000Z"
		err := errors.Join(os.Chmod(a.folder, 0o777|os.ModeSetgid), os.Chmod(a.precious, 0o640), os.Link(a.precious, second))
		if err != nil {
			a.t.Fatal(err)
		}
		st := a.start("--output", out.path, "--output-size", "4K")
		kill(a.t, st.MainPID, unix.SIGUSR2)
		out.waitFor(`more of it$`, 1)
		kill(a.t, st.MainPID, unix.SIGUSR2)
		eventually(a.t, "what was rotated is compressed", func() bool { return len(glob(a.t, out.path+".202[2-9]*.gz")) == 1 })
		if info, err := os.Stat(second + ".gz"); err == nil {
			a.t.Errorf("it was compressed: %+v", info.Sys())
		}
		a.quietStop()
	})
}

// A pidfile that is a link of another user's is not opened, whatever it leads to,
// and the service runs without it.
func TestPlantedPidfile(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(t *testing.T, path string){
		"fifo":    func(t *testing.T, path string) { openFIFO(t, path) },
		"device":  func(t *testing.T, path string) { mknod(t, path) },
		"pidfile": func(t *testing.T, path string) { writeFile(t, path, "4194303\n", 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			eachVictim(t, func(a *attack) {
				target := a.dir + "/target"
				make(a.t, target)
				notOpened := watchOpens(a.t, target)
				st := a.start("-t", "0.1", "-p", a.plants(a.folder+"/web.pid", target))
				a.complains(plantedWords)
				a.crash(st.MainPID)
				a.quietStop()
				notOpened()
				if !exists(target) {
					a.t.Error("it was removed")
				}
			})
		})
	}
}

func mknod(t *testing.T, path string) {
	t.Helper()
	if err := unix.Mknod(path, unix.S_IFCHR|0o666, 1<<8|5); err != nil {
		t.Fatal(err)
	}
}

// The stale pidfile of another folder is not removed, nor what --clean names
// through a link of another user's.
func TestPlantedFolder(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"-p", "--clean"} {
		t.Run(option, func(t *testing.T) {
			eachVictim(t, func(a *attack) {
				file, planted := a.withheld("web.pid", "4194303\n")
				st := a.start("-t", "0.1", option, planted)
				a.complains(plantedWords)
				a.crash(st.MainPID)
				a.quietStop()
				if !exists(file) {
					a.t.Error("it was removed")
				}
			})
		})
	}
}

// Without a link, what --clean names in another user's folder is removed.
func TestCleanInAnotherUsersFolder(t *testing.T) {
	t.Parallel()
	eachVictim(t, func(a *attack) {
		stale := writeFile(a.t, a.folder+"/stale", "", 0o644)
		link := a.plants(a.folder+"/link", a.precious)
		a.start("--clean", stale, "--clean", link)
		if exists(stale) || exists(link) {
			a.t.Error("it is still there")
		}
		a.quietStop()
	})
}
