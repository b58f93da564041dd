//go:build linux

package test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// envZoo asks for all daemons of the zoo, not only the hardest; it is the file
// that what was seen is written to.
const envZoo = "RESPAWNER_ZOO"

// Real daemons, each with its own way into the background. Without a pidfile,
// and with no option but --follow-forks, each comes up, and its main process is
// known; it is let alone; it comes back when it is killed, and no process of
// before is there then; no process is left when it is stopped.
func TestZoo(t *testing.T) {
	needConnector(t)
	t.Parallel()
	table := os.Getenv(envZoo)
	names := zooNames(t, table != "")
	var seen zooTable
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t, name)
			row := d.live()
			if len(d.complains)+len(d.mute) > 0 {
				t.Run("unclean", func(t *testing.T) { row.remark(newDaemon(t, name).isRefused()) })
			}
			seen.add(row)
		})
	}
	t.Cleanup(func() {
		if table != "" && !t.Failed() && seen.len() == len(names) {
			seen.write(t, table)
		}
	})
}

func zooNames(t *testing.T, all bool) []string {
	t.Helper()
	if !all {
		return strings.Fields(textFile{t, "zoo/hardest"}.text())
	}
	files, err := filepath.Glob("zoo/daemons/*.sh")
	if err != nil || len(files) == 0 {
		t.Fatalf("no daemons in the zoo (%v)", err)
	}
	for i := range files {
		files[i] = strings.TrimSuffix(filepath.Base(files[i]), ".sh")
	}
	return files
}

// live is the life of a daemon of the zoo, and what was seen of it.
func (d *daemon) live() *zooRow {
	d.t.Helper()
	row := &zooRow{name: d.name, class: d.list("class")}
	st := d.comeUp(row)
	d.letAlone(st, 3*time.Second)

	d.renew(row)
	d.mend(row)
	for range 3 {
		row.back = append(row.back, d.killMain())
	}
	d.killOthers(row)

	st = d.status()
	d.letAlone(st, 3*time.Second)
	row.restarts = st.Restarts
	d.leave(row)
	return row
}

func (d *daemon) comeUp(row *zooRow) status {
	d.t.Helper()
	var options []string
	for _, path := range d.clean {
		options = append(options, "--clean", path)
		row.remark("with --clean " + filepath.Base(path))
	}
	begin := time.Now()
	d.begin(options...)
	st, main := d.up(0)
	row.ready, row.main = time.Since(begin), nameOf(main)
	if st.MainPID != main {
		row.main = nameOf(st.MainPID) + ", parent of " + row.main
	}
	return st
}

// letAlone watches that nothing is restarted, and that main stays the same process.
func (d *daemon) letAlone(before status, while time.Duration) {
	d.t.Helper()
	d.log.stays(`restarted\(|the main process is now|killed by|exited`, while)
	now := d.mustRun()
	if now.Restarts != before.Restarts || now.MainPID != before.MainPID {
		d.t.Fatalf("nothing has happened, but\nbefore %+v\nnow %+v", before, now)
	}
}

// renew has it renew itself in the ways that it knows.
func (d *daemon) renew(row *zooRow) {
	d.t.Helper()
	for _, way := range []string{"reload", "handover"} {
		if d.script("knows", d.name, way).code == 0 {
			d.handOver(way, way == "handover")
			row.renewed = append(row.renewed, way)
		}
	}
}

// handOver calls a function of it that may have another process become main:
// that is known to respawner, and nothing is restarted.
func (d *daemon) handOver(function string, changes bool) {
	d.t.Helper()
	before, old := d.status(), d.truth()
	if r := d.call(function); r.code != 0 {
		d.t.Fatalf("%s: %v", function, r)
	}
	other := 0
	if changes {
		other = old
	}
	now, main := d.up(other)
	if (main != old) != changes || now.Restarts != before.Restarts {
		d.t.Fatalf("%s: main was %d, is %d\nbefore %+v\nnow %+v", function, old, main, before, now)
	}
	d.letAlone(now, time.Second)
}

// mend has its helper start a new main, and no other process.
func (d *daemon) mend(row *zooRow) {
	d.t.Helper()
	for _, name := range d.mends {
		if name != "nothing" {
			d.mendAfter(unix.SignalNum("SIG" + name))
			row.remark("its helper mends " + name)
		}
	}
}

func (d *daemon) mendAfter(sig unix.Signal) {
	d.t.Helper()
	before, main, all := d.status(), d.truth(), d.census()
	kill(d.t, main, sig)
	now, _ := d.up(main)
	if now.Restarts != before.Restarts {
		d.t.Fatalf("its helper should mend it:\nbefore %+v\nnow %+v", before, now)
	}
	d.isComplete(all)
	d.letAlone(now, time.Second)
}

// killMain kills main, or the helper that would mend that.
func (d *daemon) killMain() time.Duration {
	d.t.Helper()
	if slices.Contains(d.mends, "KILL") {
		return d.killOne(d.helper())
	}
	return d.killOne(d.truth())
}

// killOthers kills each other process that the service can't do without: the helper
// of main, and what could be main.
func (d *daemon) killOthers(row *zooRow) {
	d.t.Helper()
	if len(d.mends) > 0 {
		all := d.census()
		d.killOne(d.helper())
		d.isComplete(all)
		row.others = append(row.others, "helper")
	}
	for i, roots := 0, d.having("root"); i < len(roots); i, roots = i+1, d.having("root") {
		row.others = append(row.others, nameOf(roots[i]))
		d.killOne(roots[i])
	}
	if slices.Contains(row.class, "sibling-helper") && len(row.others) == 0 {
		d.killSibling(row)
	}
}

// killSibling kills the helper beside main, which has come home so late that it
// could not be main: that is no crash.
func (d *daemon) killSibling(row *zooRow) {
	d.t.Helper()
	before := d.status()
	strays := d.having("stray")
	if len(strays) != 1 {
		d.t.Fatalf("its helper should be beside main: %+v", before)
	}
	row.remark(nameOf(strays[0]) + " came later, its death is no crash")
	kill(d.t, strays[0], unix.SIGKILL)
	d.letAlone(before, 3*time.Second)
	d.up(0)
}

// having are its processes in a role.
func (d *daemon) having(role string) (pids []int) {
	d.t.Helper()
	for _, p := range d.status().Processes {
		if p.Role == role {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// killOne kills a process with -9: the service is restarted once, with a new
// main, and no process of before is there. It returns how soon it was ready.
func (d *daemon) killOne(pid int) time.Duration {
	d.t.Helper()
	before, main, old := d.status(), d.truth(), d.inhabitants()
	begin := time.Now()
	kill(d.t, pid, unix.SIGKILL)
	d.isRestarted(before.Restarts + 1)
	now, _ := d.up(main)
	took := time.Since(begin)
	if now.Restarts != before.Restarts+1 {
		d.t.Fatalf("should be restarted once:\nbefore %+v\nnow %+v", before, now)
	}
	for _, p := range d.inhabitants() {
		if slices.ContainsFunc(old, p.isSame) {
			d.t.Errorf("still there after a restart:\n%s", list([]process{p}))
		}
	}
	return took
}

func (d *daemon) isRestarted(times int) {
	d.t.Helper()
	d.log.waitFor(fmt.Sprintf(`%s restarted\(%d/0\), pid \d+`, regexp.QuoteMeta(d.name), times), 1)
}

// isComplete waits until the same are there as before, one for one.
func (d *daemon) isComplete(before map[string]int) {
	d.t.Helper()
	eventually(d.t, fmt.Sprint("no process but ", before), func() bool { return maps.Equal(before, d.census()) })
}

// leave stops it: it ends as it does without a supervisor, no process is
// left, and its ports are free.
func (d *daemon) leave(row *zooRow) {
	d.t.Helper()
	main, begin := d.status().MainPID, time.Now()
	d.stop()
	row.stopped = time.Since(begin)
	if how := d.ending(); len(d.mends) == 0 && d.log.count(fmt.Sprintf(`proc %d %s$`, main, how)) != 1 {
		d.t.Errorf("main, %d, should have %s:\n%s", main, how, d.log.text())
	}
	if r := shell(d.t, d.net.enter("ss", "-Hlntup")...); r.code != 0 || r.stdout != "" {
		d.t.Errorf("a process listens after the stop: %v", r)
	}
}

// isRefused: without --clean, what a killed one has left is in the way of the
// next one. Status tells what that one said, or how it ended if it said nothing.
func (d *daemon) isRefused() (remark string) {
	d.t.Helper()
	d.begin()
	_, main := d.up(0)
	kill(d.t, main, unix.SIGKILL)
	d.isRestarted(1)
	verb, words := "status", d.mute // what a program says itself is in its log
	if len(d.complains) > 0 {
		verb, words = "logs", d.complains
	}
	eventually(d.t, verb+" with: "+words[0], func() bool { return strings.Contains(d.tell(verb).stdout, words[0]) })
	if d.truth() != 0 && d.call("ready").code == 0 {
		d.t.Errorf("it works all the same:\n%s", d.log.text())
	}
	d.stop()
	return fmt.Sprintf("without it %s says “%s”", verb, words[0])
}
