// Package procconntest has a fake kernel for tests of programs that use package procconn.
//
// [New] returns a [procconn.Conn] whose socket is not a netlink socket but one end of a socketpair, and the [Kernel] that
// holds the other end. All code of procconn above its socket is the real one, and so is the descriptor: it can be waited
// for with epoll. What the Kernel sends is, byte for byte, what the real one would.
package procconntest
