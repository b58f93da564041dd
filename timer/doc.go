// Package timer keeps many deadlines on one timerfd, for programs that are built round an epoll loop.
//
// A loop that waits on file descriptors wants its deadlines to be one more file descriptor, however many of them there
// are. The package has the two halves of that, and each can be used alone:
//
//   - [Queue] is the bookkeeping: a heap of deadlines, each under a key. It knows no clock and makes no system call; it
//     is told what time it is. A key has at most one deadline, so a deadline that was moved or cleared can never fire
//     as a stale one: there is nothing left of it.
//   - [Timer] is a Queue with a timerfd that is always armed for the earliest deadline. The loop polls [Timer.FD] and
//     calls [Timer.Expired] when it is readable.
//
// The timerfd is the single thing the kernel is told, and it is told only when the earliest deadline has changed: a
// thousand services that each move a deadline of their own behind the first one cost no system call.
//
// Deadlines are [time.Time] values. Those made from [time.Now] carry a monotonic reading and are exact in the face of
// clock changes; one without it (parsed, or stripped by Round(0)) follows the wall clock as it was when the kernel was
// armed.
//
// What is here has no goroutines, no locks and no channels: a Queue or a Timer belongs to one goroutine.
package timer
