// Package control is how a command finds a supervisor and talks to it. The
// supervisor's side and the client share it, so neither can misunderstand the
// other.
//
// # The runtime directory
//
// Everything of a service NAME lies in one directory that only its owner can
// write (Dir checks that):
//
//	NAME.lock   held by the supervisor, by a record lock, as long as it lives
//	NAME.sock   its control socket
//	NAME.out    a FIFO, from the program's stdout and stderr to the supervisor
//	NAME.json   the last words of a supervisor that ended: its last Status
//
// The lock is the truth about who supervises: the kernel releases it with the
// process, and F_GETLK names the holder, so no pid is ever read from a file.
// A lock file that nobody holds is what a killed supervisor leaves.
//
// # The protocol
//
// A client sends a Request and reads Replies, each one JSON object on one line.
//
//	{"v":1,"op":"status"}    one Reply with the Status
//	{"v":1,"op":"reopen"}    the same, after log files were asked to be opened anew
//	{"v":1,"op":"stop"}      a Reply at once, another when nobody is left;
//	                         then the supervisor ends, and with it the connection
//
// A Reply with an error is the last one. Lines of a request are at most
// MaxRequest bytes long.
package control
