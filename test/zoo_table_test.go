//go:build linux

package test

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// zooRow is what was seen of a daemon of the zoo.
type zooRow struct {
	name     string
	class    []string        // what is difficult about it
	ready    time.Duration   // after its start
	main     string          // as respawner knows it
	renewed  []string        // how
	back     []time.Duration // it was ready again after a kill -9 of main
	others   []string        // processes: their kill -9 was noticed too
	restarts int
	stopped  time.Duration // after it was asked to
	remarks  []string
}

func (r *zooRow) remark(text string) { r.remarks = append(r.remarks, text) }

func (r *zooRow) String() string {
	cells := []string{
		r.name, strings.Join(r.class, ", "), seconds(r.ready), r.main, strings.Join(r.renewed, ", "), seconds(r.back...),
		strings.Join(r.others, ", "), fmt.Sprint(r.restarts), seconds(r.stopped), strings.Join(r.remarks, "; "),
	}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

func seconds(times ...time.Duration) string {
	var out []string
	for _, t := range times {
		out = append(out, fmt.Sprintf("%.1f", t.Seconds()))
	}
	return strings.Join(out, " ")
}

// zooTable is what was seen of all.
type zooTable struct {
	sync.Mutex
	rows []*zooRow
}

func (z *zooTable) add(row *zooRow) {
	z.Lock()
	defer z.Unlock()
	z.rows = append(z.rows, row)
}

func (z *zooTable) len() int {
	z.Lock()
	defer z.Unlock()
	return len(z.rows)
}

const zooHead = `# The zoo

Written by ` + "`make test-zoo`" + ` on %s, Linux %s, %d processors. Each is a daemon of Debian 12 as test/zoo/daemons
describes it, run in a network namespace of its own with no option but ` + "`--follow-forks`" + `, where nothing else is remarked, and
without a pidfile. In each row was seen: it was ready, with the true main process in ` + "`status`" + `; 3 s long nothing was
restarted; it renewed itself (reload: as the same process, handover: as another one), main was known, and nothing was
restarted; main was killed with -9 three times, and each time it was ready again, once, with a new main and no process of before; so
it was for other processes that could be main, and for a helper that is main's parent; 3 s of quiet; and after the
stop main had ended as it does without a supervisor, no process was left, and no port was in use. Times are in seconds; those after a kill have the 5 s in them that a restart waits.

| daemon | difficult: | ready | main | renewed | ready again after kill -9 of main | noticed too: kill -9 of | restarts | stopped | remarks |
|---|---|---|---|---|---|---|---|---|---|
`

func (z *zooTable) write(t *testing.T, path string) {
	t.Helper()
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(z.rows, func(a, b *zooRow) int { return cmp.Compare(a.name, b.name) })
	text := fmt.Sprintf(zooHead, time.Now().Format(time.DateOnly), unix.ByteSliceToString(uts.Release[:]), runtime.NumCPU())
	for _, row := range z.rows {
		text += row.String()
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Error(err)
	}
}
