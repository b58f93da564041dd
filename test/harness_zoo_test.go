//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// daemon is one of test/zoo as a service, in a network of its own. The
// supervisor stays outside, where the connector is.
type daemon struct {
	*service
	home string // $DIR
	net  network

	clean, complains, mute, mends []string // see zoo.sh
}

// zooScript knows the daemons.
func zooScript(words ...string) []string {
	return append([]string{"bash", absolute("zoo/zoo.sh")}, words...)
}

// unpacked is where make has unpacked packages.
func unpacked() string { return absolute("../build/zoo") }

func absolute(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		panic(err) // the working directory is gone
	}
	return path
}

func newDaemon(t *testing.T, name string) *daemon {
	t.Helper()
	needPackagesOf(t, name)
	net := newNetwork(t) // it outlives the service
	d := &daemon{service: newService(t, "nsenter"), home: tempDir(t), net: net}
	d.name = name
	if err := os.Chmod(d.home, 0o755); err != nil { // for daemons that are not root
		t.Fatal(err)
	}
	d.env, d.folder = d.environment(), d.home
	d.env = append(d.env, d.list("env")...)
	d.clean, d.complains, d.mute, d.mends = d.list("clean"), d.list("complains"), d.list("mute"), d.list("mends")
	if missing := d.missing(); missing != "" {
		skip(t, missing+" was not unpacked (make test-zoo)")
	}
	d.args = d.net.enter(append(d.asUser(), d.list("argv")...)...)[1:]
	t.Cleanup(d.explain)
	if r := d.call("setup"); r.code != 0 {
		t.Fatalf("setup: %v", r)
	}
	return d
}

// explain logs what a daemon said itself, if its test has failed.
func (d *daemon) explain() {
	if !d.t.Failed() {
		return
	}
	d.t.Logf("main_pid: %v\nready: %v", d.call("main_pid"), d.call("ready"))
	logs, _ := filepath.Glob(d.home + "/*.log") // the pattern is good
	for _, path := range logs {
		d.t.Logf("%s:\n%s", filepath.Base(path), textFile{d.t, path}.text())
	}
}

// needPackagesOf skips where one of Debian's packages is not installed.
func needPackagesOf(t *testing.T, daemon string) {
	t.Helper()
	if _, err := exec.LookPath("dpkg"); err != nil {
		skip(t, "the daemons of the zoo are Debian's")
	}
	for _, p := range strings.Fields(shell(t, zooScript("packages", daemon)...).stdout) {
		if shell(t, "dpkg", "-s", p).code != 0 {
			skip(t, "apt-get install "+p)
		}
	}
}

// environment is all that a daemon gets, beside what it asks for.
func (d *daemon) environment() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=" + d.home,
		"DIR=" + d.home, "UNPACKED=" + unpacked(), "PORT=20000",
	}
	for i := 2; i <= 4; i++ {
		env = append(env, "PORT"+strconv.Itoa(i)+"="+strconv.Itoa(20000+i))
	}
	return env
}

func (d *daemon) missing() string {
	for _, p := range d.list("unpack") {
		if !exists(unpacked() + "/" + p) {
			return p
		}
	}
	return ""
}

func (d *daemon) asUser() []string {
	for _, user := range d.list("user") {
		return []string{"setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups"}
	}
	return nil
}

// list are the values of one of its variables.
func (d *daemon) list(variable string) []string {
	d.t.Helper()
	r := d.script("list", d.name, variable)
	if r.code != 0 {
		d.t.Fatalf("zoo: %v", r)
	}
	return strings.FieldsFunc(r.stdout, func(c rune) bool { return c == 0 })
}

// call calls one of its functions, where the daemon is.
func (d *daemon) call(function string) result {
	d.t.Helper()
	return d.script("call", d.name, function)
}

func (d *daemon) script(words ...string) result {
	d.t.Helper()
	words = d.net.enter(zooScript(words...)...)
	cmd := command(d.t, words[0], words[1:]...)
	cmd.Env, cmd.Dir = append(cmd.Env, d.env...), d.home
	return finish(d.t, cmd)
}

// truth is the pid of its main process, as the daemon itself tells it, 0 when
// there is none.
func (d *daemon) truth() int {
	d.t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(d.call("main_pid").stdout))
	if err != nil || !alive(pid) || !inNetwork(d.t, pid) {
		return 0
	}
	return pid
}

// ready waits until it does its work, with another main than before (0: any),
// and returns the pid of main.
func (d *daemon) ready(before int) (main int) {
	d.t.Helper()
	eventuallyWithin(d.t, 4*patience, d.name+" is ready", func() bool {
		main = d.truth()
		return main != 0 && main != before && d.call("ready").code == 0
	})
	return main
}

// begin starts it. The main process that start names may still be the starter
// of a slow one.
func (d *daemon) begin(options ...string) {
	d.t.Helper()
	if r := d.tell("start", append(options, "--follow-forks")...); r.code != 0 {
		d.t.Fatalf("start: %v", r)
	}
}

// up is ready in the eyes of respawner too: it runs, and main is main.
func (d *daemon) up(before int) (st status, main int) {
	d.t.Helper()
	main = d.ready(before)
	eventually(d.t, fmt.Sprintf("status that names %d as main", main), func() bool {
		st = d.status()
		return st.State == "running" && d.isMain(st.MainPID, main)
	})
	return st, main
}

// isMain reports whether main is the process that is said to be it. Where it is the child of a
// helper, that may be it just as well.
func (d *daemon) isMain(said, main int) bool {
	p, ok := lookup(main)
	return ok && (said == main || len(d.mends) > 0 && said == p.ppid)
}

// ending is how its main ends by itself when it gets TERM, as the log says it.
func (d *daemon) ending() string {
	d.t.Helper()
	ends := append(d.list("ends"), "status 0")[0]
	if sig, ok := strings.CutPrefix(ends, "signal "); ok {
		return "killed by signo " + sig
	}
	return "exited, " + ends
}

// inhabitants are the live processes of its network.
func (d *daemon) inhabitants() []process {
	return slices.DeleteFunc(processes(), func(p process) bool {
		return p.state == 'Z' || !inNetwork(d.t, p.pid)
	})
}

func nameOf(pid int) string {
	p, _ := lookup(pid)
	return p.name
}

// helper is the parent of main.
func (d *daemon) helper() int {
	d.t.Helper()
	p, ok := lookup(d.truth())
	if !ok || !inNetwork(d.t, p.ppid) {
		d.t.Fatalf("%s has no helper: %+v", d.name, p)
	}
	return p.ppid
}

// census counts the processes that are there, by name.
func (d *daemon) census() map[string]int {
	count := map[string]int{}
	for _, p := range d.inhabitants() {
		count[p.name]++
	}
	return count
}
