package watch

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"respawner/watch/control"
	"respawner/watch/service"
)

// Bounds of the control socket: who asks must not be able to cost much.
const (
	maxPeers     = 64               // connections at once; more wait in the backlog
	peerPatience = 30 * time.Second // how long a peer may take over one request and its answer
	acceptPause  = time.Second      // how long none is accepted when there was no descriptor for one
)

// server is the room of a service's control socket.
type server struct {
	s     *Supervisor
	u     *unit
	fd    int
	slot  *slot
	peers map[*peer]struct{}
}

// peer is one client. It has one request at a time in hand, so what it can
// make us hold is one request and one answer.
type peer struct {
	server *server
	fd     int
	slot   *slot
	in     []byte
	out    []byte
	full   bool // it takes no more for now
	waits  bool // for the end of the service
}

func (u *unit) makeServer(s *Supervisor) func() error {
	return func() (err error) {
		if u.config.Control < 0 {
			return nil
		}
		u.server = &server{s: s, u: u, fd: u.config.Control, peers: map[*peer]struct{}{}}
		u.server.slot, err = s.loop.add(rankControl, u.config.Control, unix.EPOLLIN, func(uint32) { u.server.accept() })
		return err
	}
}

func (v *server) accept() {
	for len(v.peers) < maxPeers {
		fd, _, err := unix.Accept4(v.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EAGAIN || err == unix.ECONNABORTED {
			return
		}
		if err != nil {
			v.u.log.Warn("control socket: clients can't be served for now", "error", err)
			v.s.check(v.s.timers.Set(deadline{server: v}, time.Now().Add(acceptPause)))
			break
		}
		v.welcome(fd)
	}
	v.s.check(v.s.loop.change(v.slot, 0))
}

// resume accepts clients again.
func (v *server) resume() { v.s.check(v.s.loop.change(v.slot, unix.EPOLLIN)) }

func (v *server) welcome(fd int) {
	p := &peer{server: v, fd: fd}
	slot, err := v.s.loop.add(rankControl, fd, unix.EPOLLIN, p.ready)
	if err != nil {
		v.s.check(errors.Join(err, unix.Close(fd)))
		return
	}
	p.slot = slot
	v.peers[p] = struct{}{}
	v.patience(p)
}

func (v *server) patience(p *peer) {
	v.s.check(v.s.timers.Set(deadline{peer: p}, time.Now().Add(peerPatience)))
}

// drop ends a connection.
func (v *server) drop(p *peer) {
	if _, there := v.peers[p]; !there {
		return
	}
	delete(v.peers, p)
	v.s.check(errors.Join(
		v.s.timers.Clear(deadline{peer: p}),
		v.s.loop.remove(p.slot),
		unix.Close(p.fd),
	))
	p.fd = -1
	v.resume()
}

// ready goes on with a peer: first what it is owed, then what it asks.
func (p *peer) ready(events uint32) {
	if err := p.flush(); err != nil {
		p.server.drop(p)
		return
	}
	err := p.serve() // what had to wait for that
	if err == nil && len(p.out) == 0 && events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		err = p.read()
	}
	if err != nil {
		p.server.drop(p)
	}
}

var errPeerGone = errors.New("the client has left")

// read takes what has come, up to one request and the rest of a read.
func (p *peer) read() error {
	var buf [control.MaxRequest]byte
	n, err := unix.Read(p.fd, buf[:])
	if err == unix.EAGAIN {
		return nil
	}
	if err != nil || n == 0 {
		return errPeerGone
	}
	p.in = append(p.in, buf[:n]...)
	return p.serve()
}

// serve answers the requests that are there, as long as the answers go out.
func (p *peer) serve() error {
	for len(p.out) == 0 {
		line, rest, whole := bytes.Cut(p.in, []byte("\n"))
		if !whole && len(p.in) < control.MaxRequest {
			return nil
		}
		if len(line) >= control.MaxRequest {
			return p.refuse(fmt.Errorf("%w: longer than %d bytes", control.ErrRequest, control.MaxRequest))
		}
		p.in = append(p.in[:0], rest...)
		p.server.patience(p)
		if err := p.answer(line); err != nil {
			return err
		}
	}
	return nil
}

func (p *peer) answer(line []byte) error {
	req, err := control.ParseRequest(line)
	if err != nil {
		return p.refuse(err)
	}
	if req.Op == control.OpReopen {
		p.server.u.reopen()
	}
	if err := p.send(control.Reply{Status: p.server.status()}); err != nil {
		return err
	}
	if req.Op == control.OpStop {
		p.waits = true
		p.server.s.check(p.server.s.timers.Clear(deadline{peer: p}))
		p.server.s.tell(p.server.u, service.Stop{})
	}
	return nil
}

// refuse tells what is wrong, and ends the connection.
func (p *peer) refuse(why error) error {
	return errors.Join(why, p.send(control.Reply{Error: why.Error()}))
}

func (p *peer) send(r control.Reply) error {
	r.V = control.Version
	p.out = append(p.out, control.Line(r)...)
	return p.flush()
}

// flush writes what the peer will take; the rest goes when it takes more.
func (p *peer) flush() error {
	for len(p.out) > 0 {
		n, err := unix.SendmsgN(p.fd, p.out, nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EAGAIN {
			return p.wait(true, unix.EPOLLOUT)
		}
		if err != nil {
			return errPeerGone
		}
		p.out = p.out[n:]
	}
	p.out = nil
	return p.wait(false, unix.EPOLLIN)
}

func (p *peer) wait(full bool, events uint32) error {
	if p.full == full {
		return nil
	}
	p.full = full
	return p.server.s.loop.change(p.slot, events)
}

// farewell tells those who wait for the end that it has come.
func (v *server) farewell() {
	if v == nil {
		return
	}
	for p := range v.peers {
		if p.waits && p.send(control.Reply{Status: v.status()}) != nil {
			v.drop(p)
		}
	}
}

func (v *server) status() *control.Status { return v.s.status(v.u) }

func (v *server) close() error {
	for p := range v.peers {
		v.drop(p)
	}
	return unix.Close(v.fd)
}
