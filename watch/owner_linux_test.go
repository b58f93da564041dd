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

	"respawner/watch/control"
	"respawner/watch/service"
	"respawner/watch/settle"
)

// Several services in one supervisor: an orphan is of the service that it was
// born in, whether that is told or has to be found out.
func TestOrphansOfSeveralServices(t *testing.T) {
	scripts := map[string]string{
		// Its parent is dead, but has left it in its session.
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

func TestMarked(t *testing.T) {
	env := []string{"A=1", markName + "=outer", markName + "X=2"}
	if got, want := marked(env, "inner", "7"), []string{markName + "=inner", markID + "=7", "A=1", markName + "X=2", markID + "=7"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if env[1] != markName+"=outer" {
		t.Error("the caller's environment was changed")
	}
}

// What has neither session nor mark of a service is of none, and let alone.
func TestOwnerIsUnknown(t *testing.T) {
	path, hear := fifo(t)
	g := setUp(t, TrackEvents, fmt.Sprintf("(env -i sh -c 'echo $$ >%s; exec sleep 1000' &); exec sleep 1000", path))
	other := g.newUnit(Config{Spec: service.Spec{Name: "y"}, Log: g.u.log})
	other.id = g.u.id + 1
	g.units = append(g.units, other)
	pid, pidfd := run(t, "env", "-i", "sleep", "1000")
	marked, _ := run(t, "env", "-i", markName+"=y", "sleep", "1000")
	eventually(t, "it runs", func() bool { return host.newMemories().environs([]int{marked}, markName)[0].text != "" })
	orphan := pidOf(hear())
	eventually(t, "it is an orphan", func() bool { return must(host.statOf(orphan)).ppid == g.pid })
	g.happen(fork(g.pid, pid), fork(g.pid, marked), fork(g.pid, orphan))
	for pid, want := range map[int]settle.Unit{pid: settle.Stranger, marked: other.id, orphan: g.u.id, g.main: g.u.id} {
		if got := g.unitOf(pid); got != want {
			t.Errorf("%v is of %d, want %d", g.table.Process(pid), got, want)
		}
	}
	g.wantTree("%d<0 %d<0", g.main, orphan)
	g.units = g.units[:1]
	g.tell(g.u, service.Stop{})
	for g.catchUp(); g.tree() != ""; {
		check(t, g.turn())
	}
	if isDead(pidfd) {
		t.Error("it was killed")
	}
}
