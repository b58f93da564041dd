package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxHistory is the size at which a history file is put aside, in bytes. The file that was put aside
// before is lost then.
const maxHistory = 128 << 10

// History is the file in which a supervisor writes down events. It outlives the
// supervisor.
type History struct {
	claim *Claim
	file  *os.File
	size  int64
	last  int64
	begun bool // a line was added, and is whole
}

// History opens the service's history to add to it.
func (c *Claim) History() (*History, error) {
	h := &History{claim: c}
	if fd := c.inherited.History; fd > 0 {
		h.file = os.NewFile(uintptr(fd), h.name())
	}
	events, err := c.dir.History(c.name)
	if err != nil {
		return nil, err
	}
	if len(events) > 0 {
		h.last = events[len(events)-1].Seq
	}
	if h.file == nil {
		err = h.open()
	} else {
		err = h.measure()
	}
	if err != nil {
		return nil, err
	}
	c.history = h
	return h, nil
}

// Last returns the Seq of the last event that the history had when it was opened, 0 for
// none.
func (h *History) Last() int64 { return h.last }

// measure finds out how large the file is.
func (h *History) measure() error {
	info, err := h.file.Stat()
	if err != nil {
		return fmt.Errorf("history of %s: %w", h.claim.name, err)
	}
	h.size = info.Size()
	return nil
}

func (h *History) name() string { return h.claim.name + ".history" }

func (h *History) open() error {
	f, err := h.claim.dir.open(h.name(), unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT)
	if err != nil {
		return fmt.Errorf("history of %s: %w", h.claim.name, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = h.claim.dir.share(f, 0o640)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("history of %s: %w", h.claim.name, err), f.Close())
	}
	h.file, h.size = f, info.Size()
	return nil
}

// Append adds lines, each an Event. A history that has grown too large is put
// aside first.
func (h *History) Append(lines []byte) error {
	if h.size > 0 && h.size+int64(len(lines)) > maxHistory {
		dir := int(h.claim.dir.file.Fd())
		err := unix.Renameat(dir, h.name(), dir, h.name()+".1")
		if err = errors.Join(err, h.file.Close(), h.open()); err != nil {
			return fmt.Errorf("put the history of %s aside: %w", h.claim.name, err)
		}
	}
	if !h.begun && h.size > 0 {
		lines = append([]byte("\n"), lines...) // the last line of a supervisor that was killed, or whose disk was full, may have no end
	}
	n, err := h.file.Write(lines)
	h.size += int64(n)
	h.begun = err == nil
	if err != nil {
		return fmt.Errorf("history of %s: %w", h.claim.name, err)
	}
	return nil
}

// putBack puts a removed file back, with its content.
func (h *History) putBack() error {
	if h.claim.dir.is(h.name(), h.file) {
		return nil
	}
	old := h.file
	defer old.Close()
	was, err := os.ReadFile(fmt.Sprintf("/proc/self/fd/%d", old.Fd()))
	if err = errors.Join(err, h.open()); err != nil {
		h.file = old
		return err
	}
	if h.size == 0 {
		return h.Append(was)
	}
	return nil
}

// Close closes the history's file.
func (h *History) Close() error {
	h.claim.history = nil
	return h.file.Close()
}

// History returns the events that are written down of a service, the oldest first. It passes over lines that
// can't be read, as the last line of a supervisor that was killed.
func (d *Dir) History(name string) ([]Event, error) {
	d = d.of(name)
	var events []Event
	for _, file := range []string{name + ".history.1", name + ".history"} {
		f, err := d.open(file, unix.O_RDONLY)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", name, err)
		}
		text, err := io.ReadAll(io.LimitReader(f, 2*maxHistory))
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("history of %s: %w", name, err)
		}
		events = append(events, parseEvents(text)...)
	}
	return events, nil
}

func parseEvents(text []byte) []Event {
	var events []Event
	for line := range bytes.Lines(text) {
		var ev Event
		if json.Unmarshal(line, &ev) == nil && ev.What != "" {
			events = append(events, ev)
		}
	}
	return events
}
