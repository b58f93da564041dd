package control

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// role is the environment variable that makes the test binary another process
// of a test: record locks are of processes, so one alone can't compete. Its
// value is the role's name, a runtime directory and more words.
const role = "CONTROL_TEST_ROLE"

var roles = map[string]func(d *Dir, in *bufio.Scanner, args []string) error{
	"hold": hold, "race": race, "release": releaseForEver, "serve": serve, "keep": keep, "squat": squat,
}

func TestMain(m *testing.M) {
	if words := strings.Fields(os.Getenv(role)); len(words) > 0 {
		play(words)
	}
	r, w, err := os.Pipe() // has the runtime open what it keeps open
	if err != nil {
		panic(err)
	}
	_, _ = r.Close(), w.Close()
	before := descriptors()
	code := m.Run()
	if after := descriptors(); code == 0 && after != before {
		fmt.Printf("FAIL: leaked descriptors:\nbefore %s\nafter %s\n", before, after)
		code = 1
	}
	if zombies, _ := filepath.Glob("/proc/self/task/*/children"); code == 0 {
		for _, file := range zombies {
			if pids, _ := os.ReadFile(file); len(bytes.TrimSpace(pids)) > 0 {
				fmt.Printf("FAIL: leaked children: %s\n", pids)
				code = 1
			}
		}
	}
	os.Exit(code)
}

// descriptors lists what is open, but for the one that reads it.
func descriptors() string {
	var out []string
	for fd := range 1024 {
		if to, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd)); err == nil {
			out = append(out, fmt.Sprintf("%d=%s", fd, to))
		}
	}
	return strings.Join(out, " ")
}

func play(words []string) {
	d, err := MakeDir(words[1])
	if err == nil {
		err = roles[words[0]](d, bufio.NewScanner(os.Stdin), words[2:])
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// player is the other process, which is told what to do and says what it did,
// line by line.
type player struct {
	t   *testing.T
	cmd *exec.Cmd
	in  interface {
		Write([]byte) (int, error)
		Close() error
	}
	out *bufio.Reader
}

// enter starts a process in a role; it ends with the test.
func enter(t *testing.T, words ...string) *player {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", role+"="+strings.Join(words, " "))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &player{t, cmd, in, bufio.NewReader(out)}
	t.Cleanup(p.kill)
	return p
}

func (p *player) pid() int { return p.cmd.Process.Pid }

// tell sends a line.
func (p *player) tell(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Fatal(err)
	}
}

// says waits for the next line; it is empty at the end of the process.
func (p *player) says() string {
	line, _ := p.out.ReadString('\n')
	return strings.TrimSuffix(line, "\n")
}

// hears fails the test when the next line is another one.
func (p *player) hears(want string) {
	p.t.Helper()
	if got := p.says(); got != want {
		p.t.Fatalf("the other process says %q, want %q", got, want)
	}
}

// leave lets the process end in its own way, and waits for that.
func (p *player) leave() {
	p.t.Helper()
	_ = p.in.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("%v: %v", p.cmd.Env[len(p.cmd.Env)-1], err)
	}
}

// kill is kill -9, and harmless when it is gone.
func (p *player) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // closes the pipes; before, their end would be a word to leave
}

// unmet skips the test, or fails it where all tests are required.
func unmet(t testing.TB, why ...any) {
	t.Helper()
	if os.Getenv("RESPAWNER_REQUIRE") == "all" {
		t.Fatal(why...)
	}
	t.Skip(why...)
}

// runtimeDir is a new runtime directory, and its path.
func runtimeDir(t *testing.T) (*Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "run")
	d, err := MakeDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d, path
}
