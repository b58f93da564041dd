package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// lab is where mutants are built and tested.
type lab struct {
	dir string // of the package
	tmp string
}

// fate is what becomes of a mutant.
type fate int

const (
	survived  fate = iota
	killed         // a test has failed
	hung           // killed: the tests did not end
	stillborn      // it does not compile
)

// timeout is how long the tests of a mutant may take: many times what they need.
const timeout = time.Minute

// memory is how much address space they may have, in KiB: a mutant may gather without end.
const memory = 4 << 20

// newLab makes sure that the tests pass as long as nothing is changed.
func newLab(ctx context.Context, dir string) (*lab, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("", "mutate-")
	if err != nil {
		return nil, err
	}
	l := &lab{abs, tmp}
	text, err := os.ReadFile(filepath.Join(dir, "doc.go"))
	if err == nil {
		var f fate
		if f, err = l.try(ctx, -1, mutant{file: filepath.Join(dir, "doc.go"), text: text}); err == nil && f != survived {
			err = fmt.Errorf("the tests of %s fail, and nothing was changed", dir)
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *lab) close() {
	if err := os.RemoveAll(l.tmp); err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
	}
}

// try builds the tests with a mutant in the place of its file, and runs them.
func (l *lab) try(ctx context.Context, id int, m mutant) (fate, error) {
	at := func(what string) string { return filepath.Join(l.tmp, fmt.Sprintf("%d.%s", id, what)) }
	source, overlay, binary := at("go"), at("json"), at("test")
	defer func() {
		for _, f := range []string{source, overlay, binary} {
			_ = os.Remove(f) // it may never have been made; what is left goes with the folder
		}
	}()
	file, err := filepath.Abs(m.file)
	if err != nil {
		return 0, err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {file: source}})
	if err == nil {
		err = errors.Join(os.WriteFile(source, m.text, 0o600), os.WriteFile(overlay, replace, 0o600))
	}
	if err != nil {
		return 0, err
	}
	if err := l.command(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".").Run(); err != nil {
		return stillborn, ctx.Err()
	}
	return l.test(ctx, binary)
}

// test runs the tests, and ends those that don't end.
func (l *lab) test(parent context.Context, binary string) (fate, error) {
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	err := l.command(ctx, "sh", "-c", fmt.Sprintf("ulimit -v %d && exec %s -test.failfast", memory, binary)).Run()
	var failed *exec.ExitError
	switch {
	case parent.Err() != nil:
		return 0, parent.Err()
	case ctx.Err() != nil:
		return hung, nil
	case errors.As(err, &failed):
		return killed, nil
	}
	return survived, err
}

func (l *lab) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = l.dir
	return cmd
}
