// Package procconn reads the Linux kernel's process events connector: which process forked which, which ran another program, which
// exited and how, for every process of the machine, as it happens, without polling and without ptrace.
//
// # The story
//
// The connector is a netlink protocol (NETLINK_CONNECTOR) and the process events are one multicast group of it,
// CN_IDX_PROC. A socket that joins the group and says LISTEN gets a frame for each event. That is all there is in the happy
// case, and [Dial], then [Conn.Receive] or [Conn.TryReceive], do it. The rest of the package is there because the
// connector fails without a word in many ways:
//
//   - In a pid or user namespace the socket opens, the group can be joined, LISTEN is sent, and the kernel ignores it.
//     Events may arrive all the same, since others listen, and stop when they do. The kernel's acknowledgement is the
//     only honest sign, so Dial demands it. The kernel handles LISTEN inside sendmsg(2) and queues the acknowledgement
//     before that returns, so Dial knows at once; it waits for nothing.
//   - The kernel counts its listeners and sends nothing when it thinks there are none. The count can be wrong (below),
//     so Dial makes the kernel report something that we do ourselves, and [Conn.Probe] does so again at any time.
//   - When the receive buffer is full, the kernel drops events until the buffer has been emptied. It says so once, and
//     Receive and TryReceive pass that on as [ErrOverflow]. What was lost is lost: read /proc to catch up.
//   - The kernel allocates each event without waiting for memory (GFP_NOWAIT). When there is none, the event is lost and
//     no reader is told.
//
// # Events
//
// An [Event] is a plain struct; which of its fields are set depends on its [Kind]. [Decode] makes one from a frame and is
// pure, for frames from elsewhere. Pids are those of the first pid namespace.
//
// A process queues an event about itself or its child at once, in the middle of what it does, so an event that has
// brought another about is received before it. Fork is queued before the child first runs (copy_process in
// kernel/fork.c). Exit comes late (do_exit in kernel/exit.c): at that point the parent has already been told, and may have
// reaped the process before we hear of it.
//
// An Exit event with PID == TGID means that the first thread has ended, not that the process has: other threads may go
// on, and an exec by one of them revives the pid. To learn of the death of a process, use a pidfd.
//
// # In an epoll loop
//
// The descriptor of [Conn.SyscallConn] can join an epoll set. When it is readable, call TryReceive until it returns
// ok=false, or for fairness some number of times. After [Conn.Capacity] calls everything has been seen that was queued
// before the first, so when something else (a pidfd, a signal) asks for an answer that depends on the births so far,
// drain that many and then answer.
//
// The descriptor is in the Go runtime's own epoll set too, which is how Receive waits; so an event may wake a thread of the
// runtime besides that of the loop.
//
// # Following some processes at no cost
//
// A receiver of all events is woken by every fork and exit of the machine, and slows them all down. A filter that the
// kernel runs before it queues an event, or wakes a receiver, spares that. There are two, both attached after Dial, for they
// would drop the acknowledgement of LISTEN, and both pass what Probe needs:
//
//   - [Conn.Track] makes a [Set], an eBPF program with a map: the processes that were added, and all that descend from them.
//     The program adds each child as it is born, so no descendant is missed, and when the receive buffer overflows
//     the set is still exact: [Set.Births] tells what the lost events would have. It takes root, or CAP_BPF.
//   - [Conn.Filter] passes what is about a list of processes, by a classic BPF program, which takes no privileges. The list is
//     the caller's to keep up, and the race with grandchildren that are born meanwhile the caller's to close.
//
// A filter sees what is sent, so what the kernel had no memory to send is missed by it too. A process with CAP_NET_ADMIN can
// send to our socket, and so bring a Set to follow what it should not; Receive skips such frames.
//
// # Requirements
//
// Linux built with CONFIG_PROC_EVENTS (2.6.15; the layout of frames is that of 3.2 and later), the first pid, user and
// network namespaces, and before Linux 6.6 CAP_NET_ADMIN. Where that is not so Dial's error wraps [ErrUnavailable] and
// says what is missing.
//
// # Why Close does not say IGNORE
//
// LISTEN adds one to the kernel's count of listeners, IGNORE takes one off (drivers/connector/cn_proc.c). Closing the
// socket does neither, in any version: since 6.6 it frees what the kernel noted about the socket, but the count stays. A
// count that is too high costs every fork on the machine some tens of nanoseconds, as the kernel makes the event and then
// finds the group empty. A count that is too low silences every listener there is. Before 6.6 any process can
// lower the count, and some kernels (6.6 before 6.6.18, 6.7 before 6.7.6) reset it to zero by themselves, so an IGNORE, however
// well it balances our LISTEN, can make it negative and the next program's LISTEN futile. So Close only closes, as the
// kernel would do for us if we were killed.
package procconn
