package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"respawner/watch/service"
	"respawner/watch/settle"
)

// record is what a supervisor writes down for the one that comes after it.
type record struct {
	V       int             `json:"v"`
	Boot    string          `json:"boot"`            // the kernel's boot_id
	Clock   time.Duration   `json:"clock,omitempty"` // see clockOf
	Machine service.Saved   `json:"machine"`
	Procs   []settle.Record `json:"procs"`
	Started time.Duration   `json:"started,omitempty"` // see unit
	Said    []string        `json:"said,omitempty"`    // the program's last words
	Output  string          `json:"output,omitempty"`  // where its output is kept
	Users   []int           `json:"users,omitempty"`   // see unit
}

// RecordVersion is the version of what a supervisor writes down; another one
// can't be gone on with.
const RecordVersion = 2

// clockOf is how far the time of day is ahead of the time since boot. It stays
// the same as long as the clock is not set.
func clockOf(now time.Time, uptime time.Duration) time.Duration {
	return time.Duration(now.UnixNano()) - uptime
}

// clockSlack is by how much clocks may differ without having been set: they are
// read one after the other, and slowly put right.
const clockSlack = time.Second

// rebase makes the times in a record such as they would be if it had just been
// made: by the clock as it is set now, and, unlike what is read, not to be
// touched when that is set anew (they get a monotonic reading).
func (r *record) rebase(now time.Time, uptime time.Duration) {
	set := clockOf(now, uptime) - r.Clock
	if r.Clock == 0 || set.Abs() < clockSlack {
		set = 0
	}
	r.Machine.Rebase(func(t time.Time) time.Time { return now.Add(t.Add(set).Sub(now)) })
}

// byClock is a time of a living supervisor by the clock as it is set now, which
// is what is left of it in writing.
func byClock(t, now time.Time) time.Time {
	set := now.Add(t.Sub(now)).Round(0).Sub(t.Round(0))
	if set.Abs() < clockSlack {
		return t
	}
	return t.Round(0).Add(set)
}

// maxRecorded bounds how many processes a record names, the roots and their
// nearest first; the others are found below them, or by their environment.
const maxRecorded = 2048

// bootID is the kernel's name for the time since it was booted; empty where
// that can't be read, which is as good as any other.
func (linux) bootID() string {
	b, _ := readUpTo("/proc/sys/kernel/random/boot_id", 64)
	return strings.TrimSpace(string(b))
}

// recorder is the room of what is written down of a service: soon, when
// something has changed, and at once when its state or its main process has.
type recorder struct {
	file   StateFile // nil: it is not written down
	lane   lane
	boot   string
	urgent bool
	stale  bool // what is written down is not all
	armed  bool // there is a deadline for that
	failed bool // it could not be written, and that was told
	last   bool // it was written for the binary that is exec'ed in our place
}

// recordDelay is how long changes wait that are of no great weight.
const recordDelay = time.Second

func newRecorder(file StateFile, k kernel, disks *crew) recorder {
	r := recorder{file: file, lane: lane{crew: disks}}
	if file != nil {
		r.boot = k.bootID()
	}
	return r
}

// told is called when the machine was told of something, with what it was
// before.
func (r *recorder) told(before, now service.Gist, ev service.Event) {
	switch ev.(type) {
	case service.Forked, service.Exited, service.Execed:
		r.urgent = r.urgent || now.State == service.Starting
	}
	r.stale, r.urgent = true, r.urgent || now != before
}

// recordAll is called at the end of a turn.
func (s *Host) recordAll() {
	for _, u := range s.units {
		r := &u.recorder
		if r.file == nil || r.failed && r.lane.busy() {
			u.reportDue()
		}
		switch {
		case r.file == nil || !r.stale || r.lane.busy() || u.adopting: // a machine that has not resumed is no state to go on with
		case r.urgent:
			s.writeRecord(u)
		case !r.armed:
			r.armed = true
			s.check(s.timers.Set(deadline{record: u}, s.now().Add(recordDelay)))
		}
	}
}

// recordDue is called when a change has waited long enough.
func (s *Host) recordDue(u *unit) { u.recorder.armed, u.recorder.urgent = false, true }

// writeRecord hands over what there is to be written down of a service.
func (s *Host) writeRecord(u *unit) {
	r := &u.recorder
	if r.armed {
		s.check(s.timers.Clear(deadline{record: u}))
	}
	r.stale, r.urgent, r.armed = false, false, false
	rec := s.recordOf(u)
	b, err := json.Marshal(rec)
	if err != nil {
		u.recorded(err)
		return
	}
	file, due, known := r.file, u.due != nil, rec.known()
	s.errands.run(&r.lane, filePatience, func() func() {
		err := file.WriteState(b)
		users := usersOf(s.kernel, known)
		return func() {
			if u.recorded(err); due {
				u.reportDue()
			}
			u.see(users)
		}
	}, func() { u.recorded(errHangs) })
}

// recorded is called with what has come of it. A disk that is full is told of
// once; the service is not to suffer from it.
func (u *unit) recorded(err error) {
	r := &u.recorder
	if err != nil && !r.failed {
		u.log.Warn(u.name+": if the supervisor is killed, the next one will not know all", "error", err)
	}
	r.failed = err != nil
}

func (s *Host) recordOf(u *unit) record {
	now := s.now()
	rec := record{
		V: RecordVersion, Boot: u.recorder.boot, Clock: clockOf(now, s.uptime()), Machine: u.machine.Save(), Started: u.started,
		Said: u.said, Output: u.config.Output.Name, Users: u.users,
	}
	rec.Machine.Procs = rec.Machine.Procs[:min(len(rec.Machine.Procs), maxRecorded)]
	rec.Machine.Rebase(func(t time.Time) time.Time { return byClock(t, now) })
	for _, q := range rec.Machine.Procs {
		if p := s.table.Known(u.id, q.PID); p != nil && s.identify(p) {
			rec.Procs = append(rec.Procs, settle.Record{PID: p.PID, Start: p.Start, Inode: p.Inode})
		}
	}
	return rec
}

// known returns the processes that are written down with their start times.
func (r record) known() (known []settle.Found) {
	for _, p := range r.Procs {
		if p.Start != 0 {
			known = append(known, settle.Found{PID: p.PID, Start: p.Start})
		}
	}
	return known
}

// identify finds out what tells a process from all others; it reports whether any of that is known.
func (s *Host) identify(p *settle.Process) bool {
	if p.FD < 0 || p.Start != 0 {
		return p.Start != 0 || p.Inode != 0
	}
	stat, err := s.statOf(p.PID)
	if _, errEnd := s.endOf(p.FD); errEnd != nil && s.hasEnded(p) {
		return false // and what stat said may be of another one
	}
	if err == nil {
		p.Start = stat.start
	}
	p.Inode, err = s.inodeOf(p.FD)
	s.check(err)
	return p.Start != 0 || p.Inode != 0
}

// What a record is refused with.
var (
	errNoRecord   = errors.New("nothing that can be read was written down")
	errOtherBoot  = errors.New("the machine was rebooted since")
	errOtherMaker = errors.New("it was written by another version")
)

// readRecord reads what an earlier supervisor wrote down.
func readRecord(b []byte, boot string) (record, error) {
	var rec record
	if len(b) == 0 {
		return rec, errNoRecord
	}
	if err := json.Unmarshal(b, &rec); err != nil {
		return record{}, fmt.Errorf("%w: %w", errNoRecord, err)
	}
	switch {
	case rec.V != RecordVersion:
		return record{}, fmt.Errorf("%w: %d", errOtherMaker, rec.V)
	case rec.Boot != boot:
		return record{}, errOtherBoot
	}
	return rec, nil
}
