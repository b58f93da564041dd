package watch

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// Several services in one supervisor: an orphan is of the service that it was
// born in, whether that is told or has to be found out.
func TestOrphansOfSeveralServices(t *testing.T) {
	scripts := map[string]string{
		// Who begot it is dead, but has left it in its session.
		"by session": "(sleep 1000 & echo $! >%s); exec sleep 1000",
		// In a session of its own it has but its environment.
		"by mark": "setsid sh -c 'sleep 1000 & echo $! >%s'; exec sleep 1000",
	}
	for name, script := range scripts {
		for _, step := range []Tracking{TrackKernelSet, TrackSocketFilter, TrackEvents, TrackScan} {
			t.Run(name+"/"+step.String(), func(t *testing.T) {
				pathX, hearX := fifo(t)
				pathY, hearY := fifo(t)
				p := shell(fmt.Sprintf(script, pathX), service.Spec{})
				p.Tracking = step.String()
				y := shell(fmt.Sprintf(script, pathY), service.Spec{Name: "y", StopTimeout: patient})
				p.Beside = []plan{y}
				s := begin(t, p)
				s.up()
				for name, pid := range map[string]int{"x": pidOf(hearX()), "y": pidOf(hearY())} {
					s.mustOwn(name, pid)
				}
				s.stopBeside("y")
			})
		}
	}
}

// mustOwn awaits that a process is of a service.
func (s *supervised) mustOwn(name string, pid int) {
	s.t.Helper()
	s.await(fmt.Sprintf("pid %d is of %s", pid, name), func(*control.Status) bool {
		st, _, err := s.dir.Status(name)
		check(s.t, err)
		return slices.Contains(st.PIDs, pid)
	})
}

// stopBeside stops another service of the supervisor, and nothing else.
func (s *supervised) stopBeside(name string) {
	s.t.Helper()
	before := s.status()
	conn, err := net.Dial("unix", filepath.Join(filepath.Dir(s.at), name+".sock")) // dir.Stop waits for the supervisor's end
	check(s.t, err)
	defer conn.Close()
	must(conn.Write([]byte(askStop)))
	s.await(name+" is stopped", func(*control.Status) bool {
		st, _, err := s.dir.Status(name)
		check(s.t, err)
		return st.State == "stopped" && len(st.PIDs) == 0
	})
	if now := s.status(); !slices.Equal(now.PIDs, before.PIDs) || now.State != "running" {
		s.t.Errorf("%s was stopped; x was %+v, is %+v", name, before, now)
	}
}

// siblingEnv makes the test binary a program that begets a sibling, tells a
// fifo of it, and stays.
const siblingEnv = "WATCH_TEST_SIBLING"

func begetSibling(fifo string) {
	cmd := exec.Command("sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_PARENT}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	if err := os.WriteFile(fifo, fmt.Appendln(nil, cmd.Process.Pid), 0); err != nil {
		panic(err)
	}
	panic(syscall.Exec(must(exec.LookPath("sleep")), []string{"sleep", "1000"}, os.Environ()))
}

// A child that is made our own by CLONE_PARENT is of its creator's service.
func TestSiblingOfSeveralServices(t *testing.T) {
	for _, step := range []Tracking{TrackKernelSet, TrackSocketFilter, TrackEvents, TrackScan} {
		t.Run(step.String(), func(t *testing.T) {
			path, hear := fifo(t)
			y := plan{Args: []string{"env", siblingEnv + "=" + path, must(os.Executable())}, Spec: service.Spec{Name: "y", StopTimeout: patient}}
			p := shell("exec sleep 1000", service.Spec{})
			p.Tracking, p.Beside = step.String(), []plan{y}
			s := begin(t, p)
			s.up()
			s.mustOwn("y", pidOf(hear()))
			s.stopBeside("y")
		})
	}
}

// Who has neither session nor mark of a service is nobody's, and let alone.
func TestOwnerIsUnknown(t *testing.T) {
	pid, pidfd := run(t, "env", "-i", "sleep", "1000")
	g := setUp(t, TrackEvents, "exec sleep 1000")
	other := g.newUnit(Config{Spec: service.Spec{Name: "y"}})
	g.units = append(g.units, other)
	if u := g.owner(pid); u != nil || !g.strangers[pid] {
		t.Errorf("it is of %+v", u)
	}
	g.happen(fork(g.pid, pid))
	g.wantTree("%d<0", g.main)
	if isDead(pidfd) {
		t.Error("it was killed")
	}
	marked, _ := run(t, "env", "-i", markName+"=y", "sleep", "1000")
	eventually(t, "it runs", func() bool { mark, _ := g.markOf(marked, markName); return mark != "" })
	if u := g.owner(marked); u != other {
		t.Errorf("marked, but of %+v", u)
	}
	sid, err := unix.Getsid(g.main)
	check(t, err)
	if u := g.owner(g.main); u != g.units[0] || sid != g.main {
		t.Errorf("main is of %+v, session %d", u, sid)
	}
	g.units = g.units[:1]
}

func TestMarked(t *testing.T) {
	env := []string{"A=1", markName + "=outer", markName + "X=2"}
	if got, want := marked(env, "inner", "7"), []string{markName + "=inner", markID + "=7", "A=1", markName + "X=2"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if env[1] != markName+"=outer" {
		t.Error("the caller's environment was changed")
	}
}
