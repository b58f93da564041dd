package watch

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
)

// Bounds of the control socket: clients must not be able to cost much.
const (
	maxPeers     = 64               // connections at once; more wait in the backlog
	maxGuests    = 32               // of them, those of other users than root and ours; more are refused
	maxWaiting   = 48               // of them, those that wait for something to come about
	maxOwed      = 256 << 10        // bytes of events that a peer has not taken
	peerPatience = 30 * time.Second // how long a peer may take over one request and its answer
	acceptPause  = time.Second      // how long none is accepted when there was no descriptor for one
)

// idlePatience is how long a peer may keep its place without asking when there
// is none left.
var idlePatience = time.Second

// server is the room of a service's control socket.
type server struct {
	s     *Host
	u     *unit
	fd    int
	slot  *slot
	peers []*peer // in the order of what they asked last
}

// peer is one client. It has one request at a time in hand, so what it can
// make us hold is one request and one answer.
type peer struct {
	server *server
	fd     int
	slot   *slot
	pid    int // by the kernel's word when it connected
	uid    uint32
	guest  bool      // neither root's nor ours
	asked  time.Time // when it was last heard of
	in     []byte
	out    []byte
	full   bool // it takes no more for now
	waits  wait // for what
}

func (u *unit) makeServer(s *Host) func() error {
	return func() (err error) {
		if u.config.Control < 0 {
			return nil
		}
		v := &server{s: s, u: u, fd: u.config.Control}
		v.slot, err = s.loop.add(rankControl, v.fd, unix.EPOLLIN, func(uint32) { v.accept() })
		if err == nil {
			u.server = v
		}
		return err
	}
}

func (v *server) accept() {
	for v.hasRoom() {
		fd, _, err := unix.Accept4(v.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == nil && inReserve(fd, clientReserve) {
			err = errors.Join(unix.EMFILE, unix.Close(fd))
		}
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ECONNABORTED):
			return
		case err != nil:
			v.u.log.Warn("control socket: clients can't be served for now", "error", err)
			v.pause(time.Now().Add(acceptPause))
			return
		}
		v.welcome(fd)
	}
}

// hasRoom reports whether one more can be served. If need be a peer goes that
// has asked for nothing for a while, else there is a pause until one has.
func (v *server) hasRoom() bool {
	if len(v.peers) < maxPeers {
		return true
	}
	p := silentest(v.peers)
	if until := p.asked.Add(idlePatience); time.Now().Before(until) {
		v.pause(until)
		return false
	}
	v.drop(p)
	return true
}

// silentest returns the peer that has said nothing for longest, and waits for nothing if there is such a one.
func silentest(peers []*peer) *peer {
	i := slices.IndexFunc(peers, func(p *peer) bool { return p.waits.what == "" })
	return peers[max(i, 0)]
}

// hasRoomFor reports whether a guest can be served. If need be a peer goes: of the user that has the most, if
// that are more than the guest's user has, else of the same user if it has asked for nothing for a while.
func (v *server) hasRoomFor(uid uint32) bool {
	guests, most := map[uint32][]*peer{}, uid
	for _, p := range v.peers {
		if p.guest {
			guests[p.uid] = append(guests[p.uid], p)
		}
	}
	all := 0
	for u, peers := range guests {
		if all += len(peers); len(peers) > len(guests[most]) {
			most = u
		}
	}
	if all < maxGuests {
		return true
	}
	p := silentest(guests[most])
	if len(guests[most]) <= len(guests[uid])+1 && time.Since(p.asked) < idlePatience {
		return false
	}
	v.drop(p)
	return true
}

// pause accepts no client until then, or until one has left.
func (v *server) pause(until time.Time) {
	v.s.check(v.s.loop.change(v.slot, 0))
	v.s.check(v.s.timers.Set(deadline{server: v}, until))
}

// resume accepts clients again.
func (v *server) resume() { v.s.check(v.s.loop.change(v.slot, unix.EPOLLIN)) }

func (v *server) welcome(fd int) {
	p, mayAsk := v.meet(fd)
	hasRoom := !mayAsk || !p.guest || v.hasRoomFor(p.uid)
	slot, err := v.s.loop.add(rankControl, fd, unix.EPOLLIN, p.ready)
	if err != nil {
		v.s.check(errors.Join(err, unix.Close(fd)))
		return
	}
	p.slot = slot
	v.peers = append(v.peers, p)
	switch {
	case !mayAsk:
		err = p.refuse(control.CodeDenied, errors.New("only root, the owner and --control-group may ask"))
	case !hasRoom:
		err = p.refuse(control.CodeBusy, fmt.Errorf("%d clients of --control-group ask already", maxGuests))
	}
	if err != nil {
		v.drop(p)
		return
	}
	v.touch(p)
}

// meet returns a client as a peer. mayAsk reports whether it is root's, our own user's, or of the group that was
// named, by the kernel's word (unix(7), SO_PEERCRED).
func (v *server) meet(fd int) (p *peer, mayAsk bool) {
	p = &peer{server: v, fd: fd}
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return p, false
	}
	group := v.u.config.ControlGroup
	p.pid, p.uid, p.guest = int(cred.Pid), cred.Uid, cred.Uid != 0 && int(cred.Uid) != os.Geteuid()
	return p, !p.guest || group > 0 && (int(cred.Gid) == group || slices.Contains(peerGroups(fd), uint32(group)))
}

// peerGroups are the supplementary groups of the client at the other end of a unix
// socket (SO_PEERGROUPS, Linux 4.13).
func peerGroups(fd int) []uint32 {
	for size := uint32(64 * 4); ; {
		groups := make([]uint32, size/4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		if errno == 0 {
			return groups[:size/4]
		}
		if errno != unix.ERANGE { // which tells the size that is needed
			return nil
		}
	}
}

// drop ends a connection.
func (v *server) drop(p *peer) {
	i := slices.Index(v.peers, p)
	if i < 0 {
		return
	}
	v.peers = slices.Delete(v.peers, i, i+1)
	v.s.check(errors.Join(
		v.s.timers.Clear(deadline{peer: p}),
		v.s.loop.remove(p.slot),
		unix.Close(p.fd),
	))
	p.fd = -1
	v.resume()
}

// touch notes that a peer has come, or has asked for something.
func (v *server) touch(p *peer) {
	if i := slices.Index(v.peers, p); i >= 0 {
		v.peers = append(slices.Delete(v.peers, i, i+1), p)
	}
	p.asked = time.Now()
	v.s.check(v.s.timers.Set(deadline{peer: p}, p.asked.Add(peerPatience)))
}

// ready goes on with a peer: first what it is owed, then what it asks. A client that has
// hung up was not answered in time, and has given up what it asked for.
func (p *peer) ready(events uint32) {
	err := p.flush()
	if err == nil && events&unix.EPOLLHUP != 0 {
		err = errPeerGone
	}
	if err == nil && len(p.out) == 0 && events&(unix.EPOLLIN|unix.EPOLLERR) != 0 {
		err = p.read()
	}
	if err != nil {
		p.server.drop(p)
	}
}

var errPeerGone = errors.New("the client has left")

// read takes one request, or the part of it that has come. What a peer asks beyond that stays in its socket until the
// others were served.
func (p *peer) read() error {
	var buf [control.MaxRequest]byte
	n, _, err := unix.Recvfrom(p.fd, buf[:], unix.MSG_PEEK)
	if err == unix.EAGAIN {
		return nil
	}
	if end := bytes.IndexByte(buf[:max(n, 0)], '\n'); end >= 0 {
		n = end + 1
	}
	if err == nil && n > 0 {
		n, err = unix.Read(p.fd, buf[:n])
	}
	if err != nil || n == 0 {
		return errPeerGone
	}
	p.in = append(p.in, buf[:n]...)
	return p.serve()
}

// serve answers the request that is there, if it is whole.
func (p *peer) serve() error {
	line, _, whole, err := control.CutRequest(p.in)
	if err != nil {
		return p.refuse(control.CodeRequest, err)
	}
	if !whole {
		return nil
	}
	p.in = nil
	p.server.touch(p)
	return p.answer(line)
}

// refuse tells what is wrong; the error it returns ends the connection.
func (p *peer) refuse(code control.Code, why error) error {
	if err := p.send(control.Reply{Code: code, Error: why.Error()}); err != nil {
		return err
	}
	return errRefused
}

var errRefused = errors.New("refused")

func (p *peer) send(r control.Reply) error {
	r.V = control.Version
	return p.sendLine(control.Line(r))
}

// sendLine sends a line, or what the peer will take of it. A peer that has not taken
// much of what was sent before is too slow for us.
func (p *peer) sendLine(line []byte) error {
	if len(p.out) > maxOwed {
		return errPeerGone
	}
	p.out = append(p.out, line...)
	return p.flush()
}

// flush writes what the peer will take; the rest goes when it takes more.
func (p *peer) flush() error {
	for len(p.out) > 0 {
		n, err := unix.SendmsgN(p.fd, p.out, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EAGAIN {
			return p.hold(true, unix.EPOLLOUT)
		}
		if err != nil {
			return errPeerGone
		}
		p.out = p.out[n:]
	}
	p.out = nil
	return p.hold(false, unix.EPOLLIN)
}

func (p *peer) hold(full bool, events uint32) error {
	if p.full == full {
		return nil
	}
	p.full = full
	return p.server.s.loop.change(p.slot, events)
}

// closeServer closes the control socket of a service, and hangs up on its clients.
func (s *Host) closeServer(u *unit) {
	if v := u.server; v != nil {
		for len(v.peers) > 0 {
			v.drop(v.peers[0])
		}
		s.check(errors.Join(s.timers.Clear(deadline{server: v}), s.loop.remove(v.slot)))
	}
	if u.config.Control >= 0 {
		s.check(unix.Close(u.config.Control))
	}
}
