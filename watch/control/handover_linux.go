package control

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Handover is the descriptors of a claim that stay open in an exec. The next binary need not open files
// that may be gone by then. 0 is for none.
type Handover struct {
	Path    string `json:"path"`
	Dir     int    `json:"dir"`
	Lock    int    `json:"lock"`
	Name    int    `json:"name,omitempty"`
	Socket  int    `json:"socket"`
	Pipe    int    `json:"pipe,omitempty"`
	History int    `json:"history,omitempty"`
	Pidfile string `json:"pidfile,omitempty"`
	Command []byte `json:"command,omitempty"`
}

// HandOver returns the descriptors for the binary that is exec'ed. The caller must clear their
// close-on-exec flag.
func (c *Claim) HandOver() Handover {
	h := Handover{
		Path: c.dir.path, Dir: int(c.dir.file.Fd()), Lock: int(c.lock.Fd()), Name: max(c.nameFD, 0), Socket: max(c.socket, 0),
		Pidfile: c.pidfile, Command: c.command,
	}
	if c.output != nil {
		h.Pipe = int(c.output.keeper.Fd())
	}
	if c.history != nil {
		h.History = int(c.history.file.Fd())
	}
	return h
}

// FDs returns the descriptors.
func (h Handover) FDs() (fds []int) {
	for _, fd := range []int{h.Dir, h.Lock, h.Name, h.Socket, h.Pipe, h.History} {
		if fd > 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// TakeOver returns the claim of an earlier binary in this process. A record lock outlives the exec of a process
// with several threads since Linux 5.11, so TakeOver takes it again. Files that have
// gone are no error: PutBack puts them back. The directory is shared with a group, 0 for none.
func TakeOver(name string, h Handover, group int) (*Claim, error) {
	for _, fd := range h.FDs() {
		unix.CloseOnExec(fd)
	}
	d := &Dir{path: h.Path, file: os.NewFile(uintptr(h.Dir), h.Path), owner: os.Geteuid(), group: -1}
	d.places = placesOf(h.Path, d.owner)
	d.places.open = []*Dir{d}
	if group > 0 {
		d.group = group
	}
	c := &Claim{
		dir: d, moved: true, name: name, nameFD: -1, socket: -1, pidfile: h.Pidfile, command: h.Command, inherited: h,
		lock: os.NewFile(uintptr(h.Lock), "lock"),
	}
	if h.Name > 0 {
		c.nameFD = h.Name
	}
	if h.Socket > 0 {
		c.socket, c.named = h.Socket, d.inode(name+".sock")
	}
	holdLock(c.lock)
	lk := unix.Flock_t{Type: unix.F_WRLCK, Len: 1}
	err := unix.FcntlFlock(c.lock.Fd(), unix.F_SETLK, &lk)
	if err != nil {
		err = fmt.Errorf("lock of %s: %w", name, err)
	}
	return c, errors.Join(err, c.identify(), c.recall())
}

// Socket returns the control socket, -1 for none.
func (c *Claim) Socket() int { return c.socket }

// takePipe takes over the pipe that an earlier binary had open.
func takePipe(fd int) (*Pipe, error) {
	p := &Pipe{keeper: os.NewFile(uintptr(fd), "pipe")}
	reader, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("take over the pipe of the program's output: %w", errors.Join(err, p.Close()))
	}
	p.reader = os.NewFile(uintptr(reader), "pipe")
	return p, nil
}
