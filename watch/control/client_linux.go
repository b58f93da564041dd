package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Patience is how long a client waits for a supervisor to answer, and for one
// that is just beginning or ending to be done with that.
const Patience = 10 * time.Second

// ErrSilent is what a client returns when a supervisor lives but does not
// answer.
var ErrSilent = errors.New("the supervisor does not answer")

// Status asks how a service is. The Presence tells where the answer comes
// from: Held, the supervisor's own; otherwise the last words of one that
// ended, or of none. The error wraps ErrSilent, or says why the runtime
// directory could not be read.
func (d *Dir) Status(name string) (*Status, Presence, error) {
	var answer *Status
	presence, err := d.talk(name, func(c *conversation, _ int) error {
		var err error
		if err = c.ask(OpStatus); err == nil {
			answer, err = c.listen()
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
	return d.readLast(name), presence, nil
}

// Reopen has the supervisor of a service open its log files anew, and the
// program's output, after they were moved. The Presence tells whether there is
// one; errors are those of Status.
func (d *Dir) Reopen(name string) (Presence, error) {
	return d.talk(name, func(c *conversation, _ int) error {
		err := c.ask(OpReopen)
		if err == nil {
			_, err = c.listen()
		}
		return err
	})
}

// orphaned is all that can be said of a service whose supervisor was killed.
func orphaned(name string) *Status {
	s := Unsupervised(name)
	s.State, s.Message = "failed", "its supervisor died without ending it; processes of the service may still run"
	return s
}

// Stop ends a service and waits until nobody is left and the supervisor is
// gone, however long that takes, or until ctx is done. It returns the
// supervisor's last words, and the Presence that was found: without a
// supervisor there is nothing to stop, and what a dead one left is removed.
func (d *Dir) Stop(ctx context.Context, name string) (*Status, Presence, error) {
	var last *Status
	presence, err := d.talk(name, func(c *conversation, pid int) error {
		gone, err := openPidfd(pid)
		if err != nil {
			return err
		}
		defer unix.Close(gone)
		if last, err = c.stop(ctx); err != nil {
			return err
		}
		return await(gone)
	})
	if presence == Stale && err == nil {
		err = d.tidy(name)
	}
	return last, presence, err
}

func (c *conversation) stop(ctx context.Context) (*Status, error) {
	if err := c.ask(OpStop); err != nil {
		return nil, err
	}
	if _, err := c.listen(); err != nil {
		return nil, err
	}
	conn := c.rw.(net.Conn)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	last, err := c.listen()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return last, err
}

// tidy removes what a killed supervisor left, by claiming and releasing it.
func (d *Dir) tidy(name string) error {
	c, err := d.Claim(name)
	if err != nil {
		return err
	}
	return c.Release(nil)
}

// talk connects to the supervisor of name, if there is one, and has the
// conversation; it begins again when the supervisor changes under it.
func (d *Dir) talk(name string, say func(c *conversation, pid int) error) (Presence, error) {
	changes := -1
	for end := time.Now().Add(Patience); ; {
		err := d.converse(name, say)
		if err == nil {
			return Held, nil
		}
		if !interrupted(err) {
			return Held, silent(name, err)
		}
		presence, pid, err := d.Presence(name)
		if err != nil || presence != Held {
			return presence, err
		}
		if time.Now().After(end) {
			return Held, fmt.Errorf("%s: %w: its pid is %d; kill -TERM it if it hangs", name, ErrSilent, pid)
		}
		if changes >= 0 {
			err = wait(changes, time.Until(end))
		} else if changes, err = d.watch(); err == nil { // then look once more
			defer unix.Close(changes)
		}
		if err != nil {
			return Held, err
		}
	}
}

func (d *Dir) converse(name string, say func(c *conversation, pid int) error) error {
	conn, err := dial(d.at(name + ".sock"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	pid, err := peer(conn.(*net.UnixConn))
	if err != nil {
		return err
	}
	return say(converse(conn), pid)
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

func silent(name string, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%s: %w", name, ErrSilent)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// interrupted tells whether err means that there is no supervisor at the
// other end, or no more: who holds the lock then decides.
func interrupted(err error) bool {
	for _, gone := range []error{unix.ENOENT, unix.ECONNREFUSED, unix.ECONNRESET, unix.EPIPE, unix.ESRCH, io.EOF} {
		if errors.Is(err, gone) {
			return true
		}
	}
	return false
}

// peer is the pid of the supervisor, by the kernel's word.
func peer(conn *net.UnixConn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var sockErr error
	err = raw.Control(func(fd uintptr) {
		cred, sockErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, sockErr); err != nil {
		return 0, err
	}
	return int(cred.Pid), nil
}
