package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"respawner/test/kernels/plan"
)

// programs are what tests call, taken from this machine.
var programs = []string{
	"sh", "true", "false", "sleep", "cat", "head", "tail", "env", "echo", "kill", "mkfifo", "setsid", "seq", "ls", "ln", "rm", "mv",
	"touch", "mkdir", "chmod", "test", "id", "grep", "mount", "setpriv", "unshare", "nsenter", "busybox",
}

// users are known by name.
const users = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n"

// accounts run each suite.
var accounts = []plan.Account{{Name: "root"}, {Name: "user", UID: 1000}}

// image is the making of an initramfs.
type image struct {
	archive
	built string // where binaries are built
	there map[string]bool
}

// makeImage builds all that a guest needs, and returns the initramfs with it.
func makeImage(ctx context.Context, dir string, suites []suite) (path string, err error) {
	path = filepath.Join(dir, "initramfs")
	var text bytes.Buffer
	i := &image{archive{w: &text}, filepath.Join(dir, "bin"), map[string]bool{}}
	if err := os.MkdirAll(i.built, 0o755); err != nil {
		return "", err
	}
	fmt.Println("building the tests")
	if err := i.fill(ctx, suites); err != nil {
		return "", err
	}
	return path, errors.Join(i.close(), os.WriteFile(path, text.Bytes(), 0o644))
}

func (i *image) fill(ctx context.Context, suites []suite) error {
	i.folders("/dev/console")
	i.device("dev/console", 5, 1)
	i.put("/etc/passwd", 0o644, []byte(users))
	i.put("/etc/group", 0o644, []byte("root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n"))
	err := errors.Join(
		i.build(ctx, "/init", "go", "build", "-o", "guest", "./test/kernels/guest"),
		i.build(ctx, plan.Respawner, "go", "build", "-trimpath", "-o", "respawner", "./cmd/respawner"),
		i.build(ctx, "/bin/shape", "cc", "-static", "-O2", "-o", "shape", "test/shape/shape.c"),
		i.build(ctx, "/bin/shape-helper", "cc", "-static", "-O2", "-o", "shape", "test/shape/shape.c"),
	)
	for _, program := range programs {
		err = errors.Join(err, i.take(ctx, program))
	}
	return errors.Join(err, i.putSuites(ctx, suites))
}

// putSuites puts the test binaries there, with their testdata and the docs that they are held against, and the plan.
func (i *image) putSuites(ctx context.Context, suites []suite) error {
	p := plan.Plan{Accounts: accounts}
	if err := i.putSources("docs"); err != nil {
		return err
	}
	for _, s := range suites {
		planned, err := s.planned()
		if err != nil {
			return err
		}
		p.Suites = append(p.Suites, planned)
		if i.there[s.program()] {
			continue
		}
		err = errors.Join(
			i.build(ctx, s.program(), "go", "test", "-c", "-o", filepath.Base(s.program()), "./"+s.dir),
			i.putSources(s.dir+"/testdata"),
		)
		if err != nil {
			return err
		}
	}
	text, err := json.Marshal(p)
	i.put(plan.File, 0o644, text)
	return err
}

// putSources puts a folder of the sources beside the suites, if there is one.
func (i *image) putSources(dir string) error {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		i.put("/suites/"+path, 0o644, text)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// build has a static program made by a compiler, and puts it there. The argument after -o is its file.
func (i *image) build(ctx context.Context, at string, compiler ...string) error {
	file := slices.Index(compiler, "-o") + 1
	compiler[file] = filepath.Join(i.built, compiler[file])
	cmd := command(ctx, compiler...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(compiler, " "), err, out)
	}
	return i.copy(at, compiler[file])
}

// take puts one of this machine's programs there, with its libraries.
func (i *image) take(ctx context.Context, program string) error {
	path, err := exec.LookPath(program)
	if err != nil {
		return err
	}
	libraries, _ := command(ctx, "ldd", path).Output() // it fails for a static program, which needs none
	for _, match := range libraryPath.FindAllSubmatch(libraries, -1) {
		err = errors.Join(err, i.copy(string(match[1]), string(match[1])))
	}
	return errors.Join(err, i.copy("/bin/"+program, path))
}

var libraryPath = regexp.MustCompile(`(/\S+) \(0x`)

func (i *image) copy(at, from string) error {
	content, err := os.ReadFile(from)
	if err == nil {
		i.put(at, 0o755, content)
	}
	return err
}

// put puts a file there, and the folders that it is in.
func (i *image) put(at string, mode int, content []byte) {
	if i.there[at] {
		return
	}
	i.there[at] = true
	i.folders(at)
	i.file(at[1:], mode, content)
}

func (i *image) folders(at string) {
	dir := filepath.Dir(at)
	if dir == "/" || i.there[dir] {
		return
	}
	i.there[dir] = true
	i.folders(dir)
	i.folder(dir[1:])
}
