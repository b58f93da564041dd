// Package control lets a command find a supervisor and talk to it. Supervisor
// and client share it, so neither can misunderstand the
// other.
//
// # The runtime directory
//
// Everything of a service NAME lies in one directory that only its owner can
// write (Dir checks that):
//
//	NAME.lock   held by the supervisor, by a record lock, as long as it lives
//	NAME.sock   its control socket
//	pipes/NAME.out
//	            a FIFO, from the program's stdout and stderr to the supervisor;
//	            the folder is the owner's alone
//	NAME.json   the last words of a supervisor that ended: its last Status
//	NAME.history, NAME.history.1
//	            what happened, an Event on each line; the older ones in .1
//	NAME.state  what a later supervisor must know; gone when the supervisor ends
//	            in good order
//	NAME.command
//	            the definition: the command, options, folder and environment of
//	            the service; there until the service is forgotten
//
// The lock decides which process supervises a service: the kernel releases it with the
// process, and F_GETLK names the holder, so no pid is ever read from a file.
// A lock file that no process holds is what a killed supervisor leaves. The file may
// be removed under its holder, so the name of an abstract socket is a second lock. In it is the
// claim's ID, which is in the environment of all processes of the service.
//
// # The protocol
//
// A client sends a Request and reads Replies, each one JSON object on one line.
//
//	{"v":1,"op":"status"}                a Reply with the Status
//	{"v":1,"op":"reload"}                the same, when the signal was sent
//	{"v":1,"op":"signal","signal":10}
//	{"v":1,"op":"reset"}
//	{"v":1,"op":"reopen"}
//	{"v":1,"op":"stop"}                  a Reply at once, another when it is done
//	{"v":1,"op":"restart"}
//	{"v":1,"op":"wait","for":"running"}
//	{"v":1,"op":"events"}                a Reply at once, then one for each Event
//	{"v":1,"op":"upgrade"}               a Reply with the binary; "checked" does the upgrade
//
// A Reply with an error is the last one; its Code tells errors apart, and a
// client returns it as a Refusal. Lines of a request are at most MaxRequest bytes
// long. docs/PROTOCOL.md describes the protocol in full, for clients in other languages.
package control
