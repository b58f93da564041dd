//go:build linux

// Package test holds respawner to its word from outside: the real binary, the
// real kernel, real daemons. Each file but the harness is one promise to the
// user.
//
// The tests take their truth from the journal that the program under
// test/shape writes, not from the supervisor. The test process is a child
// subreaper, so whatever a supervisor loses comes home to it, and a test that
// leaves a process behind fails.
package test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait. It only says how long a failure takes.
const patience = 45 * time.Second

// What TestMain prepares, once.
var (
	respawner string // the binary under test
	shape     string // the shape program, "" without a C compiler
	root      string // the folder of this run, removed at its end
)

// Where the binaries are, when they were built before: set by hand, or by a
// test process for one it runs in a namespace.
const (
	envRespawner = "RESPAWNER_BIN"
	envShape     = "RESPAWNER_SHAPE"
)

func TestMain(m *testing.M) {
	beHelper()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := prepare(); err != nil {
		fmt.Fprintln(os.Stderr, "test:", err)
		return 1
	}
	defer os.RemoveAll(root)
	moreParallel()
	go reapForever()
	code := m.Run()
	if left := dying(func() []process { return descendants(os.Getpid()) }); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "test: left behind at the end:\n%s", list(left))
		killAll(func() []process { return descendants(os.Getpid()) })
		code = 1
	}
	return code
}

func prepare() (err error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become a subreaper: %w", err)
	}
	if root, err = os.MkdirTemp("", "rsp"); err != nil {
		return err
	}
	if err := os.Chmod(root, 0o755); err != nil { // for tests that act as the user nobody
		return err
	}
	if respawner, err = buildRespawner(); err != nil {
		return err
	}
	shape, err = buildShape()
	return err
}

func buildRespawner() (string, error) {
	if path := os.Getenv(envRespawner); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(root, "respawner")
	build := exec.Command("go", "build", "-o", path, "respawner/cmd/respawner")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build respawner: %w\n%s", err, out)
	}
	return path, nil
}

// buildShape compiles the shape program, static where that is possible, and
// its helper: a copy, which is another executable for the kernel.
func buildShape() (string, error) {
	if path := os.Getenv(envShape); path != "" {
		return filepath.Abs(path)
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		return "", nil
	}
	path := filepath.Join(root, "shape")
	for _, name := range []string{path, path + "-helper"} {
		static := exec.Command(cc, "-static", "-O2", "-o", name, "shape/shape.c")
		if static.Run() == nil {
			continue
		}
		dynamic := exec.Command(cc, "-O2", "-o", name, "shape/shape.c")
		if out, err := dynamic.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build the shape program: %w\n%s", err, out)
		}
	}
	return path, nil
}

// moreParallel lets more tests run at once than there are processors, unless
// the caller has chosen a number: they mostly wait.
func moreParallel() {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", "8") // a flag of the testing package
	}
}

// reapForever is what init does for the rest of the machine.
func reapForever() {
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	for range died {
		reapOrphans()
	}
}

// skip skips a test for a reason, unless a run has to be complete.
func skip(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("RESPAWNER_REQUIRE") == "all" {
		t.Fatalf("RESPAWNER_REQUIRE=all, but: %s", reason)
	}
	t.Skip(reason)
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		skip(t, "needs root")
	}
}

func needShape(t *testing.T) {
	t.Helper()
	if shape == "" {
		skip(t, "no C compiler (cc) to build test/shape")
	}
}

// eventually asks again and again, for what no event tells of: what respawner
// answers when it is asked.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventuallyWithin(t, patience, what, ok)
}

func eventuallyWithin(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited %v for: %s", limit, what)
		}
	}
}

// tempDir is a new folder with a short path, as sockets need it.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(root, "t")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
