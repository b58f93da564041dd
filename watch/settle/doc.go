// Package settle decides which process is which: it keeps the one table of
// processes, and says what has certainly happened to them.
//
// It is pure: no system call, no clock, no file. The rooms of watch hand over
// facts (a birth was told, a pidfd is readable, a look has found a pid). Where the
// facts leave something open, the table asks: a [Question] that a room answers
// with more facts. When no question is left, [Table.Settled] returns what the
// services are to hear, in one order:
//
//	facts -> Born, Execed, Exited, Stirred, Lost ...
//	          Questions -> Open, End, Children ... -> more facts
//	Settled  -> Spawned, Forked, Execed, Died ... for the services
//
// # What makes it exact
//
// The kernel queues the event of a fork before the child runs, and makes a pidfd
// readable after the process has ended. So a process that is known to have ended
// before the queue is read leaves no birth unread. Nothing is said of a death
// before that (Dead, then Drained).
//
// A pid is not a process. A process is its pidfd, once that is verified: when it
// was opened, the process under that pid had not started later than the birth was
// told (or had the start time, the inode or the parent that was expected). Until
// then the table has only a pid, and acts on nothing. A later birth of the same pid
// proves the end of the earlier process.
//
// That /proc can't be read proves nothing: a process lives while its pidfd is not
// readable.
package settle
