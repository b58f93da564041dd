// Package watch is the supervisor: one epoll loop that starts programs, knows
// every process that descends from them by the kernel's own word, and does
// what watch/service decides.
//
// # The flow of a turn
//
// epoll_wait tells which descriptors are ready. Before any of them is served,
// the loop catches up with all births (connector_linux.go). Then the rooms are
// served by rank: outcomes of starts, deaths (pidfds), deadlines (timerfd),
// signals (signalfd), the pidfile (inotify), clients (control socket). Each
// turns what it reads into events; tell gives them to the service's Machine
// and does the effects that it answers. What comes of an effect is an event of
// a later turn.
//
// # The rooms
//
// Each mechanism of the kernel is touched in one file only:
//
//	loop_linux.go          epoll
//	ladder_linux.go        which way births are known, and what if it fails
//	connector_linux.go     births by the proc connector
//	kernelset_linux.go     births by the set that the kernel keeps
//	socketfilter_linux.go  births by a filter for those that are known
//	scan_linux.go          births by the children files, where the connector fails
//	owner_linux.go         whose a child is that nobody told of
//	early_linux.go         births during a start, before its pid is known
//	kernel_linux.go        all that is asked of the kernel
//	process_linux.go       the live processes, each with its pidfd
//	death_linux.go         who has died, and when that is acted on
//	pidfd_linux.go         pidfd_open, pidfd_send_signal, waitid
//	spawn_linux.go         starting programs, by package spawn
//	signals_linux.go       signalfd
//	sigchld_linux.go       how CHLD gets there, without Go's runtime
//	subreaper_linux.go     PR_SET_CHILD_SUBREAPER
//	wake_linux.go          eventfd
//	threads_linux.go       the threads that Go's runtime will need
//	pidfile_linux.go       the daemon's pidfile, by inotify
//	named_linux.go         what it names, and whether that may be believed
//	trust_linux.go         who can have written a file
//	output_linux.go        what the programs write: a FIFO, lines, a sink
//	report_linux.go        how a start came out, with the program's last lines
//	control_linux.go       the control socket and its clients
//	requests_linux.go      what they ask for, and wait for
//	journal_linux.go       what comes about, for those who follow or look back
//	record_linux.go        what is written down for a later supervisor
//	adopt_linux.go         going on with the service of one that was killed
//	upgrade_linux.go       going on as another binary, in the same process
//	procfs_linux.go        /proc
//
// One goroutine, locked to its thread, owns all state, so there is no lock.
// The only others are the one that sends signals on to the loop's thread, those
// that remove files before a start, and for each service one that reads its
// output, since a disk may be slow.
package watch
