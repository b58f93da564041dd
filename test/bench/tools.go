package main

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed helpers/*.c
var helpers embed.FS

// tools are the programs that we use, and a folder for whatever is written.
type tools struct {
	dir       string
	respawner string
	lighttpd  string
	forkstat  string // empty if there is none
}

func newTools(respawner string) (*tools, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can measure the kernel's filters")
	}
	ours, err1 := find(respawner)
	lighttpd, err2 := find("lighttpd")
	cc, err3 := find("cc")
	compiler, err4 := find("go")
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, fmt.Errorf("missing: %w", err)
	}
	dir, err := os.MkdirTemp("", "respawner-bench-")
	if err != nil {
		return nil, err
	}
	t := &tools{dir: dir, respawner: ours, lighttpd: lighttpd}
	t.forkstat, _ = find("forkstat")
	if err := errors.Join(t.build(cc), t.buildEmpty(compiler)); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// find looks for a program where daemons are too, which need not be in PATH.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		var there error
		if path, there = exec.LookPath("/usr/sbin/" + name); there != nil {
			return "", err
		}
	}
	return filepath.Abs(path)
}

func (t *tools) close() error { return os.RemoveAll(t.dir) }

// build compiles the helpers.
func (t *tools) build(cc string) error {
	for name, flags := range map[string][]string{
		"floor": nil, "nothing": {"-nostartfiles"}, "service": nil, "storm": nil,
	} {
		source, err := helpers.ReadFile("helpers/" + name + ".c")
		if err != nil {
			return err
		}
		file := t.helper(name) + ".c"
		if err := os.WriteFile(file, source, 0o644); err != nil {
			return err
		}
		flags = append([]string{"-O2", "-static", "-o", t.helper(name), file}, flags...)
		if out, err := exec.Command(cc, flags...).CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", name, err, out)
		}
	}
	return nil
}

// buildEmpty compiles the Go program that does nothing.
func (t *tools) buildEmpty(compiler string) error {
	file := t.helper("empty") + ".go"
	if err := os.WriteFile(file, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		return err
	}
	if out, err := exec.Command(compiler, "build", "-o", t.helper("empty"), file).CombinedOutput(); err != nil {
		return fmt.Errorf("building empty: %w\n%s", err, out)
	}
	return nil
}

// helper is where a program of ours is.
func (t *tools) helper(name string) string { return filepath.Join(t.dir, name) }
