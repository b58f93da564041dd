package control

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The lock file may be removed under its holder. So the lock is taken a second time, by a name that is in no
// file system: the name of an abstract socket. The kernel gives the name to one process of a network namespace,
// and frees it when that process ends. The kernel also tells the owner of the name (unix_diag, Linux 5.3). So
// a supervisor reports that another user's process has the name, and goes on without it.

// lockName returns the name of a service's lock. It is made of the user, the places and the service.
func (p *places) lockName(name string) string {
	return fmt.Sprintf("@respawner/%d/%s/%s", p.uid, p.key, name)
}

// takeName takes the second lock. The error wraps ErrHeld where another supervisor has it.
func (c *Claim) takeName() error {
	p := c.dir.places
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("second lock of %s: %w", c.name, err)
	}
	for {
		err = unix.Bind(fd, &unix.SockaddrUnix{Name: p.lockName(c.name)})
		if !errors.Is(err, unix.EADDRINUSE) {
			break
		}
		owner, errLook := p.holderOf(c.name)
		if errLook == nil && owner == noOwner {
			continue // its holder has just released it
		}
		if err = errLook; err == nil && owner == p.uid {
			err = fmt.Errorf("%s %w", c.name, ErrHeld)
		} else if err == nil {
			err = fmt.Errorf("a process of uid %d has taken its name (ss -xl shows %s)", owner, p.lockName(c.name))
		}
		break
	}
	if err == nil {
		c.nameFD = fd
		return nil
	}
	_ = unix.Close(fd)
	if errors.Is(err, ErrHeld) {
		return err
	}
	c.Weak = fmt.Errorf("there is no lock but the file in %s, which must not be removed: %w", c.dir.path, err)
	return nil
}

func (c *Claim) dropName() {
	if c.nameFD >= 0 {
		_ = unix.Close(c.nameFD)
	}
	c.nameFD = -1
}

// knock makes the holder of a lock check whether its files are there. Any process of the machine may knock,
// at any time.
func (p *places) knock(name string) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	_ = unix.Sendto(fd, []byte{0}, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: p.lockName(name)}) // if the queue is full, the holder wakes up all the same
}

// noOwner is what holderOf returns for a name that no socket has.
const noOwner = -1

// holderOf returns the uid of the process that has the name of a service's lock, or noOwner.
func (p *places) holderOf(name string) (int, error) {
	want := p.lockName(name)
	owner := noOwner
	err := eachName(func(socket string, uid int) {
		if socket == want {
			owner = uid
		}
	})
	return owner, err
}

// heldNames returns the names of the places' services whose lock is held. It returns none where the kernel does
// not tell.
func (p *places) heldNames() (names []string) {
	prefix := p.lockName("")
	err := eachName(func(socket string, uid int) {
		if name, found := strings.CutPrefix(socket, prefix); found && uid == p.uid {
			names = append(names, name)
		}
	})
	if err != nil {
		return nil
	}
	return names
}

// Constants of sock_diag(7), which x/sys does not have.
const (
	sockDiagByFamily = 20
	diagShowName     = 1 << 0
	diagShowUID      = 1 << 6
	diagName         = 0
	diagUID          = 7
	diagMsgLen       = 16 // struct unix_diag_msg
)

// eachName calls a function with the name of each abstract socket of the network namespace, with a @ before
// it, and the uid of the process that made the socket.
func eachName(tell func(name string, uid int)) error {
	conn, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil)
	if err != nil {
		return fmt.Errorf("ask for the names of sockets: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is lost with it
	ask := make([]byte, 24)             // struct unix_diag_req
	ask[0] = unix.AF_UNIX
	binary.NativeEndian.PutUint32(ask[4:8], 1<<32-1) // in all states
	binary.NativeEndian.PutUint32(ask[12:16], diagShowName|diagShowUID)
	replies, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: sockDiagByFamily, Flags: netlink.Request | netlink.Dump}, Data: ask,
	})
	for _, r := range replies {
		if name, uid, ok := parseSocket(r.Data); err == nil && ok {
			tell(name, uid)
		}
	}
	if err != nil {
		return fmt.Errorf("ask for the names of sockets (unix_diag): %w", err)
	}
	return nil
}

// parseSocket reads what the kernel tells of one socket. ok is false for a socket without an abstract name.
func parseSocket(msg []byte) (name string, uid int, ok bool) {
	if len(msg) < diagMsgLen {
		return "", 0, false
	}
	attrs, err := netlink.NewAttributeDecoder(msg[diagMsgLen:])
	if err != nil {
		return "", 0, false
	}
	uid = noOwner
	for attrs.Next() {
		switch attrs.Type() {
		case diagName:
			name = string(attrs.Bytes())
		case diagUID:
			uid = int(attrs.Uint32())
		}
	}
	rest, abstract := strings.CutPrefix(name, "\x00")
	return "@" + rest, uid, abstract && uid != noOwner && attrs.Err() == nil
}
