// Package spawn starts programs, each without a wait, and tells when a program
// runs or why it can't.
//
// # The child is data
//
// Between its birth and its exec the child of a threaded process may do next to
// nothing. Here it is a list of system calls, which the parent has written down
// beforehand (a session of its own, its folder, descriptors 0 to 2, an empty signal mask,
// exec), and a dozen instructions that make one call after the other and stop at
// the first that fails. They need neither a stack nor Go. So the child is made
// with the parent's memory (CLONE_VM), and the parent does not wait for it: it
// knows the child's pid, and has its pidfd, before the child has done anything,
// and a program on a file system that hangs is a child that hangs, nothing else.
//
// Go's own syscall.ForkExec suspends the calling thread until the exec (vfork),
// and keeps one of the runtime's processors (P) for as long: where that is the
// only one, all of the program stands still. It makes the child reset each signal that Go has a
// handler for by a call of its own, some 60, and reads the exec's error from a
// pipe. Here the kernel resets the handlers (CLONE_CLEAR_SIGHAND), and the error
// is written into the shared memory. A pipe there is too, but nothing is written
// to it: it is closed by the exec, or by the child's end, and tells an epoll set
// of either.
//
// # What is shared while it lasts
//
// The child sees the parent's memory until its exec. The list, the arguments and
// the environment are pinned until the pipe has told that it is over. The parent's
// thread goes on with the same stack, which the child never touches: it has what
// it needs in registers, and no signal handler can run in it, for it has none.
// It counts on three facts of the kernel's: a child made with CLONE_VM alone has
// descriptors, a folder, signal handlers and a mask of its own; CLONE_CLEAR_SIGHAND resets
// each signal that is not ignored (an ignored one stays so, see New); and exec
// gives the child a memory of its own before it closes what is closed on exec.
//
// # Where that is not to be had
//
// clone3 is Linux 5.5 with CLONE_CLEAR_SIGHAND, and sandboxes refuse it, since
// their filters can't look into its arguments. Then, and on processors that have
// no clone_linux_*.s here, it is syscall.ForkExec on another thread.
package spawn
