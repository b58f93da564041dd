//go:build linux

package test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// service is one service with a runtime directory, a log and a journal of its
// own, so that tests can run side by side.
type service struct {
	t       *testing.T
	name    string
	program string
	args    []string
	dir     string // the test's own folder: log, journal, pidfile
	runtime string // --runtime-dir; respawner makes it
	log     textFile
	journal textFile // of the shape program
	options []string // of each start
	env     []string // beside the test's own
	folder  string   // it is started in; "" for the test's own
	binary  string   // respawner's; a test may have a copy of its own
	user    []string // the command line that becomes another user, see as
}

// exit is last_exit of status --json.
type exit struct {
	PID    int       `json:"pid"`
	Code   int       `json:"code"`
	Signal int       `json:"signal"`
	At     time.Time `json:"time"`
	By     string    `json:"by"`
	After  float64   `json:"after"`
}

// member is a process in status --json.
type member struct {
	PID  int    `json:"pid"`
	PPID int    `json:"ppid"`
	Role string `json:"role"`
}

// status is the part of status --json that users are promised.
type status struct {
	Name          string     `json:"name"`
	State         string     `json:"state"`
	MainPID       int        `json:"main_pid"`
	SupervisorPID int        `json:"supervisor_pid"`
	Version       string     `json:"version"`
	Restarts      int        `json:"restarts"`
	RespawnLimit  int        `json:"respawn_limit"`
	NextStart     *time.Time `json:"next_start"`
	KillAt        *time.Time `json:"kill_at"`
	PIDs          []int      `json:"pids"`
	Processes     []member   `json:"processes"`
	Follow        string     `json:"follow"`
	Followed      bool       `json:"followed"`
	Tracking      string     `json:"tracking"`
	Reason        string     `json:"tracking_reason"`
	LostEvents    int        `json:"lost_events"`
	Resyncs       int        `json:"resyncs"`
	LastExit      *exit      `json:"last_exit"`
	Message       string     `json:"message"`
	Stuck         string     `json:"stuck"`
	Said          []string   `json:"said"`
}

// newService is a service that runs any program.
func newService(t *testing.T, program string, args ...string) *service {
	t.Helper()
	dir := tempDir(t)
	s := &service{
		t: t, name: filepath.Base(program), program: program, args: args, dir: dir,
		runtime: dir + "/run",
		log:     textFile{t, dir + "/log"},
		journal: textFile{t, dir + "/journal"},
		binary:  respawner,
	}
	t.Cleanup(s.end)
	return s
}

// newShape is a service that runs the shape program.
func newShape(t *testing.T, kind string, options ...string) *service {
	t.Helper()
	needShape(t)
	s := newService(t, shape)
	s.args = append([]string{kind, s.journal.path}, options...)
	return s
}

// end is the end of each test: no process may be left.
func (s *service) end() {
	left := dying(func() []process { return belonging(s.t) })
	if len(left) > 0 {
		s.t.Errorf("left behind by %s:\n%s", s.t.Name(), list(left))
	}
	if s.t.Failed() {
		s.t.Logf("journal:\n%s\nlog:\n%s\n%v", s.journal.text(), s.log.text(), s.tell("status"))
	}
	killAll(func() []process { return belonging(s.t) })
}

// words is a command line: tell("status"), tell("start", "-n", "3").
func (s *service) words(verb string, options ...string) []string {
	words := append([]string{verb, "--runtime-dir", s.runtime}, options...)
	if verb == "start" {
		words = append(append(words, "--log", s.log.path), s.options...)
	}
	if s.name != filepath.Base(s.program) {
		words = append(words, "--name", s.name)
	}
	words = append(words, s.program)
	if verb == "start" && len(s.args) > 0 {
		words = append(append(words, "--"), s.args...)
	}
	return words
}

func (s *service) command(verb string, options ...string) *exec.Cmd {
	cmd := command(s.t, s.binary, s.words(verb, options...)...)
	cmd.Env, cmd.Dir = append(cmd.Env, s.env...), s.folder
	return cmd
}

// tell runs respawner on this service.
func (s *service) tell(verb string, options ...string) result {
	s.t.Helper()
	return finish(s.t, s.command(verb, options...))
}

// start starts it in the background: it is running when start returns, and
// start has named its main process in one line.
func (s *service) start(options ...string) status {
	s.t.Helper()
	r := s.tell("start", options...)
	if r.code != 0 {
		s.t.Fatalf("start: %v", r)
	}
	st := s.mustRun()
	said := regexp.MustCompile(`^[^\n]*\b` + strconv.Itoa(st.MainPID) + `\b[^\n]*\n$`)
	if !said.MatchString(r.stdout) {
		s.t.Fatalf("start should name main pid %d in one line, said: %q", st.MainPID, r.stdout)
	}
	return st
}

// stop ends it: no process is left when stop returns.
func (s *service) stop() {
	s.t.Helper()
	r := s.tell("stop")
	if left := belonging(s.t); len(left) > 0 {
		s.t.Fatalf("stop has left:\n%s", list(left))
	}
	if r.code != 0 || !regexp.MustCompile(`(?i)stopped`).MatchString(r.stdout) {
		s.t.Fatalf("stop should say that it stopped: %v", r)
	}
}

// quietStop ends it while other processes of the test go on.
func (s *service) quietStop() {
	s.t.Helper()
	if r := s.tell("stop"); r.code != 0 {
		s.t.Errorf("stop: %v", r)
	}
}

// status asks for status --json, and holds the exit code against the state.
func (s *service) status() status {
	s.t.Helper()
	r := s.tell("status", "--json")
	var st status
	if err := json.Unmarshal([]byte(r.stdout), &st); err != nil {
		s.t.Fatalf("status --json: %v\n%v", err, r)
	}
	if running := st.State == "running"; running != (r.code == 0) {
		s.t.Fatalf("status: state %s, but exit code %d", st.State, r.code)
	}
	if st.Name != s.name {
		s.t.Fatalf("status: name %q, not %q", st.Name, s.name)
	}
	return st
}

// mustRun asserts that it is running now, in words and in JSON.
func (s *service) mustRun() status {
	s.t.Helper()
	s.says("is running", 0)
	st := s.status()
	if st.State != "running" || !alive(st.MainPID) || !alive(st.SupervisorPID) {
		s.t.Fatalf("should be running: %+v", st)
	}
	return st
}

// mustNotRun asserts that it is not running now, but in the given state.
func (s *service) mustNotRun(state string) status {
	s.t.Helper()
	s.says("is not running", 3)
	st := s.status()
	if st.State != state || st.MainPID != 0 {
		s.t.Fatalf("should be in state %s, without a main process: %+v", state, st)
	}
	return st
}

// says holds the first line of status and its exit code against what they
// should be.
func (s *service) says(what string, code int) {
	s.t.Helper()
	r := s.tell("status")
	first := fmt.Sprintf("%q process %s\n", s.name, what)
	if r.code != code || len(r.stdout) < len(first) || r.stdout[:len(first)] != first {
		s.t.Fatalf("status should begin with %q, exit code %d: %v", first, code, r)
	}
}

func (s *service) waitState(state string) (st status) {
	s.t.Helper()
	eventually(s.t, s.name+" "+state, func() bool {
		st = s.status()
		if state == "running" && st.SupervisorPID == 0 && st.LastExit != nil {
			s.t.Fatalf("no supervisor is left to make it run: %+v", st)
		}
		return st.State == state
	})
	return st
}

// waitEnd waits for the supervisor to go by itself. No process is left then.
func (s *service) waitEnd(st status, state string) status {
	s.t.Helper()
	waitDead(s.t, st.SupervisorPID)
	if left := belonging(s.t); len(left) > 0 {
		s.t.Fatalf("the supervisor has left:\n%s", list(left))
	}
	return s.mustNotRun(state)
}

// crash kills one of its processes with -9 and waits until it is back: once
// more restarted, with another main process.
func (s *service) crash(pid int) status {
	s.t.Helper()
	return s.crashTold(pid, "killed by signo 9")
}

// crashTold is a crash of which the log tells something else.
func (s *service) crashTold(pid int, how string) status {
	s.t.Helper()
	before := s.mustRun()
	kill(s.t, pid, unix.SIGKILL)
	s.log.waitFor(fmt.Sprintf(`proc %d %s`, pid, how), 1)
	s.log.waitFor(fmt.Sprintf(`%s restarted\(%d/%d\), pid \d+`, s.name, before.Restarts+1, before.RespawnLimit), 1)
	now := s.waitState("running")
	if now.Restarts != before.Restarts+1 || now.MainPID == before.MainPID {
		s.t.Fatalf("should be restarted once:\nbefore %+v\nnow %+v", before, now)
	}
	if now.SupervisorPID != before.SupervisorPID {
		s.t.Fatalf("another supervisor: %d, then %d", before.SupervisorPID, now.SupervisorPID)
	}
	return now
}

// quiet watches for a while that nothing is restarted.
func (s *service) quiet() {
	s.t.Helper()
	s.log.stays(`restarted\(`, time.Second)
}

// truth is the pid that the named process wrote into the journal, in the nth run.
func (s *service) truth(process string, run int) int {
	s.t.Helper()
	return number(s.journal.waitFor(`^`+process+` (\d+)$`, run)[1])
}

// starts asserts how often the program was started, by its own account.
func (s *service) starts(want int) {
	s.t.Helper()
	if got := s.journal.count(`^start \d+$`); got != want {
		s.t.Fatalf("started %d times, not %d", got, want)
	}
}

func (s *service) supervisorPidfile() string {
	return fmt.Sprintf("%s/respawner-%s.pid", s.runtime, s.name)
}

// stateFile is where the supervisor writes down what the next one must know.
func (s *service) stateFile() textFile { return textFile{s.t, s.runtime + "/" + s.name + ".state"} }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// mustSay asserts that a command succeeded with just one line.
func mustSay(t *testing.T, r result, line string) {
	t.Helper()
	if r.code != 0 || r.stdout != line+"\n" || r.stderr != "" {
		t.Errorf("should say %q: %v", line, r)
	}
}
