package watch

import (
	"errors"
	"fmt"
	"time"

	"respawner/watch/control"
	"respawner/watch/service"
)

// journal is the room of what comes about in a service: followers are
// told at once; what is worth it is written down at the end of the turn.
type journal struct {
	file   HistoryFile // nil: it is not written down
	lane   lane
	seq    int64
	lines  []byte // to be written
	flying []byte // being written
	failed bool   // they could not be, the last time
}

func newJournal(h HistoryFile, disks *crew) journal {
	j := journal{file: h, lane: lane{crew: disks}}
	if h != nil {
		j.seq = h.Last()
	}
	return j
}

// heeds reports whether an event has a reader. Births by the thousand are to
// cost nothing without one.
func (u *unit) heeds(what service.What) bool {
	return u.server.follows() || u.journal.file != nil && what != service.NoteForked && what != service.NoteExeced
}

// noteOf puts the machine's words into the protocol's.
func noteOf(n service.Note) control.Event {
	ev := control.Event{What: string(n.What), PID: n.PID, PPID: n.Parent, Role: n.Role.String(), Text: n.Text}
	if n.What == service.NoteExited {
		ev.Exit = exitOfNote(n)
	}
	return ev
}

func exitOfNote(n service.Note) *control.Exit {
	return lastExit(service.LastExit{PID: n.PID, Exit: n.Exit, At: time.Now()})
}

// note tells of an event, and returns it as it was told.
func (s *Host) note(u *unit, ev control.Event) control.Event {
	u.journal.seq++
	ev.Seq, ev.Time = u.journal.seq, time.Now().Truncate(time.Millisecond)
	if service.What(ev.What) == service.NoteStarted && !u.begun.IsZero() { // the program may have written something since
		ev.Time = u.begun.Truncate(time.Millisecond)
	}
	if u.server != nil {
		u.server.publish(ev)
	}
	if u.journal.file != nil && matters(ev) && len(u.journal.lines) < maxUnwritten {
		u.journal.lines = append(u.journal.lines, control.Line(ev)...)
	}
	return ev
}

// noteAll tells of an event that concerns all services.
func (s *Host) noteAll(what, text string) {
	for _, u := range s.units {
		s.note(u, control.Event{What: what, Text: text})
	}
}

// matters reports whether an event is written down: of the coming and going of
// ordinary processes only the violent deaths are.
func matters(ev control.Event) bool {
	switch service.What(ev.What) {
	case service.NoteForked, service.NoteExeced:
		return false
	case service.NoteExited:
		return ev.Role != "" || ev.Exit.Code != 0 || ev.Exit.Signal != 0
	}
	return true
}

// filePatience is how long a file may take before that is told.
const filePatience = 2 * time.Second

// errHangs is what became of an errand that is late.
var errHangs = errors.New("the disk does not answer")

// maxUnwritten bounds what waits for a disk that does not answer, in bytes; what
// comes after it is lost.
const maxUnwritten = 64 << 10

// writeJournal hands over what is to be written down, unless something is still
// being written: then the turn in which that has come back does it.
func (s *Host) writeJournal(u *unit) {
	j := &u.journal
	if len(j.lines) == 0 || j.lane.busy() {
		return
	}
	file, lines := j.file, j.lines
	j.lines, j.flying = nil, lines
	s.errands.run(&j.lane, filePatience, func() func() {
		err := file.Append(lines)
		return func() { s.check(j.written(err)) }
	}, func() { s.check(j.written(fmt.Errorf("history of %s: %w", u.name, errHangs))) })
}

// unwritten returns the lines of which it is not known that they are in the file.
func (j *journal) unwritten() []byte {
	return append(j.flying[:len(j.flying):len(j.flying)], j.lines...)
}

// written returns what is to be told of an outcome: the first error. What can't
// be written is lost, but a disk that is full may have place again.
func (j *journal) written(err error) error {
	j.flying = nil
	again := j.failed && err != nil
	if j.failed = err != nil; again {
		return nil
	}
	return err
}
