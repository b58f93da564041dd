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

// Patience is how long a client waits for a supervisor to answer, and for a
// supervisor that begins or ends to be done with that.
const Patience = 10 * time.Second

// ErrSilent is what a client returns when a supervisor lives but does not
// answer.
var ErrSilent = errors.New("the supervisor does not answer")

// ErrLeft is what a client returns when the supervisor hangs up before it has done
// what it was asked for.
var ErrLeft = errors.New("the supervisor has gone in the middle of it; look at the status")

// Status returns the status of a service. The Presence tells where it comes
// from. Held: the supervisor has answered. Otherwise: the last words of a supervisor that
// has ended, or an empty status. The error wraps ErrSilent, or says why the runtime
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

// ifItHangs returns what can be done about a supervisor that does not answer.
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
	_, state, _ := strings.Cut(string(stat), ") ") // a name may have that in it as well: then the state is not known
	return err == nil && strings.HasPrefix(strings.ToLower(state), "t ")
}

// orphaned returns the status of a service whose supervisor was killed.
func orphaned(name string) *Status {
	s := Unsupervised(name)
	s.State, s.Message = "failed", "its supervisor died without ending it; processes of the service may still run"
	return s
}

// Stop ends a service, by a Request of OpStop, and waits until no process is left and the supervisor is
// gone, however long that takes, or until ctx is done. It returns the
// supervisor's last words, and the Presence that was found. Without a
// supervisor it sends no request.
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

// Ask requests an operation that is answered by a status. An operation that takes
// time is answered by a second status when it is done. Ask waits for that however long it takes, or until ctx
// is done. It returns the last status. Without a supervisor it sends no request,
// as the Presence tells. The error is a *Refusal where the supervisor refuses.
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
// no handler for the signal. It returns the status, and the event that says what was sent to which
// process. The event is nil where an older supervisor does not tell it.
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

// Upgrade returns the binary that an upgrade in place would exec. Ask with Checked
// does the upgrade.
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

// patiently removes the deadline of the rest of the conversation.
func (c *conversation) patiently() error { return c.rw.(net.Conn).SetDeadline(time.Time{}) }

// Events calls tell with each event of a service from now on, until its supervisor
// ends, tell returns an error (which is returned), or ctx is done. It calls began with
// the present status before the first event.
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
// conversation. It begins again when another supervisor takes over meanwhile.
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

// converse has one conversation. It breaks off when ctx is done.
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

// socket opens a supervisor's socket with O_PATH, so that the client connects by the
// descriptor. It refuses a link, and a socket that does not belong to the directory's owner: another
// server could listen there.
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
		err = unix.ECONNREFUSED // as connect says of a file that is no socket
	case int(st.Uid) != d.owner:
		err = fmt.Errorf("%w: %s.sock is not its owner's", ErrUntrusted, name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// dial connects as net.DialTimeout does, but waits while the socket's queue is full. A
// non-blocking connect fails with EAGAIN then.
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
// other end any more. Then the holder of the lock decides.
func interrupted(err error) bool {
	for _, gone := range []error{unix.ENOENT, unix.ECONNREFUSED, unix.ECONNRESET, unix.EPIPE, unix.ESRCH, io.EOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// peer returns the credentials of the supervisor, as the kernel tells them.
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
