package watch

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
	"respawner/watch/settle"
)

func TestReadRecord(t *testing.T) {
	good := record{V: RecordVersion, Boot: "b", Machine: service.New(service.Spec{}).Save()}
	text := func(change func(*record)) string {
		rec := good
		change(&rec)
		return string(must(json.Marshal(rec)))
	}
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"good":            {text(func(*record) {}), nil},
		"nothing":         {"", errNoRecord},
		"half":            {text(func(*record) {})[:50], errNoRecord},
		"no JSON":         {"\x00\xff", errNoRecord},
		"no such state":   {strings.Replace(text(func(*record) {}), `"stopped"`, `"happy"`, 1), errNoRecord},
		"another version": {text(func(r *record) { r.V++ }), errOtherMaker},
		"another boot":    {text(func(r *record) { r.Boot = "c" }), errOtherBoot},
	} {
		if _, err := readRecord([]byte(tt.text), "b"); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

func recordFor(pid, pidfd int) settle.Record {
	return settle.Record{PID: pid, Start: must(host.statOf(pid)).start, Inode: must(host.inodeOf(pidfd))}
}

// left returns which of the processes that were written down are still there.
func TestLeft(t *testing.T) {
	main, mainFD := run(t, "sleep", "1000")
	dead, deadFD := run(t, "sleep", "1000")
	rec := record{V: RecordVersion, Boot: host.bootID(), Procs: []settle.Record{recordFor(main, mainFD), recordFor(dead, deadFD)}}
	rec.Procs = append(rec.Procs, settle.Record{PID: os.Getpid(), Start: time.Hour}) // the pid was given away
	rec.Machine.Main = main
	rec.Machine.Programs = []service.Program{{}}
	check(t, unix.Kill(dead, unix.SIGKILL))
	readable(t, deadFD)
	left := func() Leftover {
		t.Helper()
		l, err := Left(must(json.Marshal(rec)))
		check(t, err)
		return l
	}
	if l := left(); l.Main != main || !slices.Equal(l.PIDs, []int{main}) {
		t.Errorf("%+v", l)
	}
	for _, part := range []settle.Record{{PID: main, Start: rec.Procs[0].Start}, {PID: main, Inode: rec.Procs[0].Inode}} {
		rec.Procs[0] = part // all else was not known when it was written down
		if l := left(); l.Main != main {
			t.Errorf("by %+v: %+v", part, l)
		}
	}
	rec.Machine.Main = dead
	if l := left(); l.Main != 0 {
		t.Errorf("main is dead, but %+v", l)
	}
	rec.Boot = "another"
	if l := left(); l.Main != 0 || len(l.PIDs) > 0 {
		t.Errorf("after a reboot: %+v", l)
	}
	if _, err := Left([]byte("{")); err == nil {
		t.Error("it is garbled, and no error")
	}
}

// FuzzRecord: whatever a state file says, there is an error or a machine that
// goes on, and can be stopped.
func FuzzRecord(f *testing.F) {
	m := service.New(service.Spec{Name: "x"})
	now := time.Unix(1, 0)
	f.Add(must(json.Marshal(record{V: RecordVersion, Machine: m.Save()})))
	m.Step(now, service.Start{})
	f.Add(must(json.Marshal(record{V: RecordVersion, Machine: m.Save()})))
	m.Step(now, service.Spawned{Run: 1, PID: 100})
	m.Step(now, service.Forked{Parent: 100, Child: 101})
	f.Add(must(json.Marshal(record{V: RecordVersion, Machine: m.Save(), Procs: []settle.Record{{PID: 100, Start: 1, Inode: 2}}})))
	m.Step(now.Add(time.Second), service.Due{Timer: service.TimerSettle})
	m.Step(now, service.Exited{PID: 100, Exit: service.Exit{Known: true, Signal: 9}})
	f.Add(must(json.Marshal(record{V: RecordVersion, Machine: m.Save()})))
	f.Fuzz(func(t *testing.T, text []byte) {
		rec, err := readRecord(text, "")
		if err != nil {
			return
		}
		m, err := service.Restore(service.Spec{Name: "x", StopTimeout: time.Second}, rec.Machine)
		if err != nil {
			return
		}
		saved := m.Save()
		again, err := service.Restore(service.Spec{Name: "x"}, saved)
		if err != nil {
			t.Fatalf("what was restored can't be restored: %v", err)
		}
		if one, other := must(json.Marshal(saved)), must(json.Marshal(again.Save())); string(one) != string(other) {
			t.Errorf("%s came back as %s", one, other)
		}
		for _, q := range rec.Machine.Procs {
			m.Step(now, service.Exited{PID: q.PID})
		}
		m.Step(now, service.Resume{})
		m.Step(now, service.Stop{})
		m.Step(now, service.Spawned{Run: m.Run(), PID: 7})
		m.Step(now, service.Exited{PID: 7})
		if s := m.State(); s != service.Stopped && s != service.Failed {
			t.Errorf("it can't be stopped: %v", s)
		}
	})
}

// FuzzHandover: whatever an earlier binary hands over, it is gone on with, or
// the service is taken over as after a death.
func FuzzHandover(f *testing.F) {
	m := service.New(service.Spec{Name: "x"})
	m.Step(time.Unix(1, 0), service.Start{})
	m.Step(time.Unix(1, 0), service.Spawned{Run: 1, PID: 100})
	good := unitHandover{
		Name: "x", Record: record{V: RecordVersion, Machine: m.Save(), Procs: []settle.Record{{PID: 100, Start: 1, Inode: 2}}},
		Peers: []peerRecord{{FD: 9, In: []byte("{"), What: waitUpgrade}}, Begun: []byte("half a li"), Seq: 12,
	}
	f.Add(must(json.Marshal(handover{Strangers: []int{7}, Units: []unitHandover{good, {Name: "y"}}})))
	f.Add(must(json.Marshal(handover{Units: []unitHandover{{Name: "x", Record: record{V: RecordVersion + 1, Machine: m.Save()}}}})))
	f.Add([]byte(`{"units":[{"name":"x","record":{"v":2,"machine":{"state":"running","programs":[{}],"main":3}}}]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, state []byte) {
		u := &unit{name: "x", log: slog.New(slog.DiscardHandler)}
		u.config.Resume = &Resume{Upgraded: true}
		u.readHandover(state, time.Unix(2, 0), time.Hour)
		switch r := u.config.Resume; {
		case u.machine == nil && (r.Upgraded || r.State != nil || r.Then != ThenGoOn):
			t.Errorf("%q: refused, and %+v", state, r)
		case u.machine != nil && (!r.Upgraded || u.handover.Record.V != RecordVersion):
			t.Errorf("%q: taken for %+v", state, u.handover)
		}
	})
}

// A supervisor that can't write down says so once, and goes on.
func TestRecordCantBeWritten(t *testing.T) {
	s := begin(t, shell("exec sleep 1000", service.Spec{}))
	main := s.up()
	eventually(t, "what it writes first is in the way", func() bool {
		return os.Mkdir(filepath.Dir(s.at)+"/.x.state", 0o700) == nil
	})
	for range 2 {
		check(t, unix.Kill(main, unix.SIGKILL))
		dead := main
		main = s.await("it is back", func(st *control.Status) bool { return st.MainPID != dead && st.State == "running" }).MainPID
	}
	s.stop()
	if n := strings.Count(s.log.String(), "will not know all"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// However the clock was set since a record was written, or is set after it was
// read, what is due in some seconds is due in some seconds.
func TestRecordOutlivesTheClock(t *testing.T) {
	var now = time.Now()
	for name, tt := range map[string]struct {
		set, since, want time.Duration // how the clock was set, time that passed, and what is left of 5 s
	}{
		"at once":     {0, 0, 5 * time.Second},
		"later":       {0, 2 * time.Second, 3 * time.Second},
		"too late":    {0, 7 * time.Second, -2 * time.Second},
		"set forward": {time.Hour, 2 * time.Second, 3 * time.Second},
		"set back":    {-time.Hour, 2 * time.Second, 3 * time.Second},
	} {
		written, up := now.Add(-tt.set-tt.since).Round(0), 1000*time.Second
		due := written.Add(5 * time.Second)
		rec := record{Clock: clockOf(written, up), Machine: service.Saved{
			Since: written, Wound: service.LastExit{At: written}, SettleBy: due, Respawn: due, LastExit: service.LastExit{At: written},
			Nobody: &service.LastExit{At: written}, Procs: []service.SavedProc{{Born: written}},
			Deadlines: map[string]time.Time{"respawn": due},
		}}
		rec.rebase(now, up+tt.since)
		m := rec.Machine
		for _, got := range []time.Time{m.SettleBy, m.Respawn, m.Deadlines["respawn"]} {
			if got.Sub(now) != tt.want || !strings.Contains(got.String(), " m=") { // a monotonic reading
				t.Errorf("%s: due in %v, not %v: %v", name, got.Sub(now), tt.want, got)
			}
		}
		for _, got := range []time.Time{m.Since, m.Wound.At, m.LastExit.At, m.Nobody.At, m.Procs[0].Born} {
			if now.Sub(got) != tt.since {
				t.Errorf("%s: it was %v ago, not %v", name, now.Sub(got), tt.since)
			}
		}
	}
	var nothing record
	if nothing.rebase(now, 0); !nothing.Machine.Since.IsZero() {
		t.Errorf("nothing became %+v", nothing.Machine)
	}
}

// setClock is a time of a clock that was set by so much before it was read: its
// monotonic reading is what it would have been (package time, Time.wall).
func setClock(now time.Time, by time.Duration) time.Time {
	const nsecBits = 30
	wall := (*uint64)(unsafe.Pointer(&now))
	*wall += uint64(int64(by/time.Second)) << nsecBits
	return now
}

// Nor does it matter when the clock is set between an arming and the writing of
// it: a supervisor that lives goes by its monotonic readings.
func TestRecordOfALiveClock(t *testing.T) {
	for _, set := range []time.Duration{time.Hour, -time.Hour} {
		armed := time.Now()
		m := service.New(service.Spec{Name: "x", RespawnDelay: 5 * time.Second, StopTimeout: time.Second})
		u := &unit{machine: m}
		for _, ev := range []service.Event{
			service.Start{}, service.Spawned{Run: 1, PID: 5}, service.Exited{PID: 5, Exit: service.Exit{Known: true, Signal: 9}},
		} {
			m.Step(armed, ev)
		}
		k := &clockOnly{kernel: host, at: setClock(armed.Add(2*time.Second), set)}
		rec := (&Host{kernel: k}).recordOf(u)
		text := must(json.Marshal(rec))
		check(t, json.Unmarshal(text, &rec))
		rec.rebase(k.at, k.uptime())
		if wait := rec.Machine.Deadlines["respawn"].Sub(k.at); wait != 3*time.Second {
			t.Errorf("set by %v: a start that was due in 3s is due in %v", set, wait)
		}
	}
}

// clockOnly is a kernel on which it is always the same time of day.
type clockOnly struct {
	kernel
	at time.Time
}

func (c *clockOnly) now() time.Time { return c.at }
