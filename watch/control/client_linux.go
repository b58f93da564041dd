package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Patience is how long a client waits for a supervisor to answer, and for one
// that is just beginning or ending to be done with that.
const Patience = 10 * time.Second

// ErrSilent is what a client returns when a supervisor lives but does not
// answer.
var ErrSilent = errors.New("the supervisor does not answer")

// ErrLeft is what a client returns when the supervisor hangs up in the middle
// of what it was asked for.
var ErrLeft = errors.New("the supervisor has gone in the middle of it; look at the status")

// Status asks how a service is. The Presence tells where the answer comes
// from: Held, the supervisor's own; otherwise the last words of one that
// ended, or of none. The error wraps ErrSilent, or says why the runtime
// directory could not be read.
func (d *Dir) Status(name string) (*Status, Presence, error) {
	var answer *Status
	presence, err := d.talk(context.Background(), name, func(c *conversation, _ int) error {
		err := c.ask(Request{Op: OpStatus})
		if err == nil {
			answer, err = c.status()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, presence, err
	case presence == Held:
		return answer, presence, nil
	case presence == Stale:
		return orphaned(name), presence, nil
	}
	return d.of(name).readLast(name), presence, nil
}

// ifItHangs says what can be done about a supervisor that does not answer.
func ifItHangs(pid int) string {
	switch {
	case pid == 0:
		return ", if it lives at all"
	case isStopped(pid):
		return fmt.Sprintf(": pid %d was stopped (SIGSTOP); kill -CONT %d has it go on", pid, pid)
	}
	return fmt.Sprintf(": its pid is %d; kill -TERM it if it hangs", pid)
}

// isStopped reports whether a process was stopped by a signal or a debugger.
func isStopped(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ") // a name may have one as well, but then it is only not told
	return err == nil && strings.HasPrefix(strings.ToLower(state), "t ")
}

// orphaned is all that can be said of a service whose supervisor was killed.
func orphaned(name string) *Status {
	s := Unsupervised(name)
	s.State, s.Message = "failed", "its supervisor died without ending it; processes of the service may still run"
	return s
}

// Stop ends a service, by a Request of OpStop, and waits until no process is left and the supervisor is
// gone, however long that takes, or until ctx is done. It returns the
// supervisor's last words, and the Presence that was found: without a
// supervisor nobody is asked.
func (d *Dir) Stop(ctx context.Context, name string, r Request) (*Status, Presence, error) {
	r.Op = OpStop
	var last *Status
	presence, err := d.talk(ctx, name, func(c *conversation, pid int) error {
		gone, err := openPidfd(pid)
		if err != nil {
			return err
		}
		defer unix.Close(gone)
		if last, err = c.complete(r); err != nil {
			return err
		}
		return await(gone)
	})
	return last, presence, err
}

// Ask asks for an operation that is answered by a status, and where it takes
// time by another one when it is done: however long that takes, or until ctx
// is done. It returns the last status. Without a supervisor nothing is asked,
// as the Presence tells. What the supervisor says no to is a *Refusal.
func (d *Dir) Ask(ctx context.Context, name string, r Request) (*Status, Presence, error) {
	var last *Status
	presence, err := d.talk(ctx, name, func(c *conversation, _ int) (err error) {
		if r.takesTime() {
			last, err = c.complete(r)
		} else if err = c.ask(r); err == nil {
			last, err = c.status()
		}
		return err
	})
	return last, presence, err
}

func (r Request) takesTime() bool {
	return r.Op == OpStop || r.Op == OpRestart || r.Op == OpWait || r.Op == OpUpgrade
}

// Reload has the main process of a service told to reload, with force also one that has
// no handler for the signal. It returns how the service is, and what was sent to which
// process: nil by a supervisor that does not tell.
func (d *Dir) Reload(ctx context.Context, name string, force bool) (*Status, *Event, Presence, error) {
	var reply Reply
	presence, err := d.talk(ctx, name, func(c *conversation, _ int) error {
		err := c.ask(Request{Op: OpReload, Force: force})
		if err == nil {
			reply, err = c.hear()
		}
		return err
	})
	return reply.Status, reply.Event, presence, err
}

// Upgrade asks which binary an upgrade in place would exec; Ask with Checked
// has it come about.
func (d *Dir) Upgrade(ctx context.Context, name string) (*Upgrade, Presence, error) {
	var offer *Upgrade
	presence, err := d.talk(ctx, name, func(c *conversation, _ int) error {
		err := c.ask(Request{Op: OpUpgrade})
		if err == nil {
			var reply Reply
			reply, err = c.hear()
			offer = reply.Upgrade
		}
		if err == nil && offer == nil {
			err = errors.New("the supervisor's answer has no binary")
		}
		return err
	})
	return offer, presence, err
}

// complete asks, and waits for the second reply.
func (c *conversation) complete(r Request) (*Status, error) {
	if err := c.ask(r); err != nil {
		return nil, err
	}
	if _, err := c.status(); err != nil {
		return nil, err
	}
	if err := c.patiently(); err != nil {
		return nil, err
	}
	s, err := c.status()
	if (r.Op == OpRestart || r.Op == OpUpgrade) && interrupted(err) {
		err = fmt.Errorf("%w (%s)", ErrLeft, err.Error()) // no longer a reason to ask again
	}
	return s, err
}

// patiently has the rest of the conversation take as long as it likes.
func (c *conversation) patiently() error { return c.rw.(net.Conn).SetDeadline(time.Time{}) }

// Events tells of each event of a service from now on, until its supervisor
// ends, tell returns an error (which is returned), or ctx is done. began, with
// the status of the moment, comes before the first.
func (d *Dir) Events(ctx context.Context, name string, began func(*Status) error, tell func(Event) error) (Presence, error) {
	return d.talk(ctx, name, func(c *conversation, _ int) error {
		if err := c.ask(Request{Op: OpEvents}); err != nil {
			return err
		}
		s, err := c.status()
		if err != nil {
			return err
		}
		if err := began(s); err != nil {
			return err
		}
		if err := c.patiently(); err != nil {
			return err
		}
		return c.follow(tell)
	})
}

// follow hears events until there are no more.
func (c *conversation) follow(tell func(Event) error) error {
	for {
		reply, err := c.hear()
		if errors.Is(err, io.EOF) || errors.Is(err, unix.ECONNRESET) {
			return nil
		}
		if err == nil && reply.Event != nil {
			err = tell(*reply.Event)
		}
		if err != nil {
			return err
		}
	}
}

// talk connects to the supervisor of name, if there is one, and has the
// conversation; it begins again when the supervisor changes under it.
func (d *Dir) talk(ctx context.Context, name string, say func(c *conversation, pid int) error) (Presence, error) {
	var changes *changes
	for end := time.Now().Add(Patience); ; {
		err := d.converse(ctx, name, say)
		if err == nil {
			return Held, nil
		}
		if ctx.Err() != nil {
			return Held, ctx.Err()
		}
		presence, pid, gone := d.Presence(name)
		if errors.Is(err, os.ErrDeadlineExceeded) || interrupted(err) && presence == Held && time.Now().After(end) {
			return Held, fmt.Errorf("%s: %w%s", name, ErrSilent, ifItHangs(pid))
		}
		if !interrupted(err) {
			return Held, fmt.Errorf("%s: %w", name, err)
		}
		if gone != nil || presence != Held {
			return presence, gone
		}
		if changes != nil {
			err = changes.wait(ctx, end)
		} else if changes, err = newChanges(d.path); err == nil { // then look once more
			defer changes.close()
		}
		if err == nil {
			err = changes.watch(d)
			d.places.knock(name) // its socket may have been removed
		}
		if err != nil {
			return Held, err
		}
	}
}

// converse has one conversation, unless ctx is done before its end.
func (d *Dir) converse(ctx context.Context, name string, say func(c *conversation, pid int) error) error {
	d = d.of(name)
	socket, err := d.socket(name)
	if err != nil {
		return err
	}
	defer socket.Close()
	conn, err := dial(fmt.Sprintf("/proc/self/fd/%d", socket.Fd()))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	cred, err := peer(conn.(*net.UnixConn))
	if err != nil {
		return err
	}
	if cred.Uid != 0 && int(cred.Uid) != d.owner {
		return fmt.Errorf("%w: a process of uid %d answers for its owner", ErrUntrusted, cred.Uid)
	}
	return say(converse(conn), int(cred.Pid))
}

// socket opens a supervisor's socket with O_PATH: it is connected to by its
// descriptor. A link, and a socket that is not of the directory's owner, would
// be another supervisor's, or any server's.
func (d *Dir) socket(name string) (*os.File, error) {
	fd, err := unix.Openat(int(d.file.Fd()), name+".sock", unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	f := os.NewFile(uintptr(fd), name+".sock")
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	switch {
	case err != nil:
	case st.Mode&unix.S_IFMT != unix.S_IFSOCK:
		err = unix.ECONNREFUSED // as connect says of what is no socket
	case int(st.Uid) != d.owner:
		err = fmt.Errorf("%w: %s.sock is not its owner's", ErrUntrusted, name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// dial is net.DialTimeout that waits while the socket's queue is full; a
// non-blocking connect gives EAGAIN then.
func dial(path string) (net.Conn, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	patience := unix.NsecToTimeval(int64(Patience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience); err != nil {
		return nil, err
	}
	for err = unix.EINTR; errors.Is(err, unix.EINTR); {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if errors.Is(err, unix.EAGAIN) {
		return nil, os.ErrDeadlineExceeded
	}
	if err != nil {
		return nil, os.NewSyscallError("connect", err)
	}
	return net.FileConn(f)
}

// interrupted reports whether err means that there is no supervisor at the
// other end, or no more: who holds the lock then decides.
func interrupted(err error) bool {
	for _, gone := range []error{unix.ENOENT, unix.ECONNREFUSED, unix.ECONNRESET, unix.EPIPE, unix.ESRCH, io.EOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// peer is the supervisor, by the kernel's word.
func peer(conn *net.UnixConn) (*unix.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var cred *unix.Ucred
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		cred, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred, errors.Join(err, sockErr)
}
