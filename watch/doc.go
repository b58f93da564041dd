// Package watch is the supervisor: one epoll loop that starts programs, knows
// every process that descends from them by the kernel's own word, and does
// what watch/service decides.
//
// # The flow of a turn
//
// epoll_wait tells which descriptors are ready. The rooms hand over facts to the
// table of processes (watch/settle): which pidfds are readable, which births are
// queued, how starts came out, what a look at /proc has found. Then the table asks
// questions, and the host answers each with more facts, until there is none left.
// What has certainly happened is told to the Machine of each service, in one
// order; tell does the effects that it answers, and signals are sent after that.
// The other rooms follow by rank: deadlines (timerfd), signals (signalfd), the
// pidfile (inotify), clients (control socket). What comes of an effect is a fact
// of a later turn:
//
//	ready -> facts -> settle.Table -> questions -> facts ... -> events
//	events -> service.Machine -> effects
//
// # The rooms
//
// Each mechanism of the kernel is touched in one file only. These are all files:
//
//	config.go              what a caller asks for
//	run_linux.go           running a host
//	host_linux.go          the host, and its turn
//	services_linux.go      services come and go while it runs
//	make_linux.go          how the host is made, and closed
//	facts_linux.go         facts for the table, and answers to it
//	hear_linux.go          what the table tells
//	unit_linux.go          a service: its effects, its signals, its starts
//	kernel_linux.go        all that is asked of the kernel
//	probe_linux.go         which system calls there must be
//	loop_linux.go          epoll
//	tracking.go            the names of the ladder's steps
//	ladder_linux.go        which way births are known, and what if it fails
//	link_linux.go          the proc connector, in the loop
//	steps_linux.go         births by a filter, by all events, by the children files
//	kernelset_linux.go     births by the set that the kernel keeps
//	owner_linux.go         of which service a child is that was not told of
//	pidfd_linux.go         pidfd_open, pidfd_send_signal, waitid
//	procfs_linux.go        /proc; procfs.go reads its lines
//	memory_linux.go        what is in the memory of processes
//	recall_linux.go        reading it off the loop
//	errands_linux.go       what may block: on other threads, with a patience
//	threads_linux.go       the threads that Go's runtime will need
//	spawn_linux.go         starting programs, by package spawn
//	clean_linux.go         what is removed before a start
//	wake_linux.go          eventfd
//	signals_linux.go       signalfd
//	sigchld_linux.go       how CHLD gets there without Go's runtime, with
//	                       sigchld_linux_amd64.s and sigchld_linux_arm64.s;
//	                       sigchld_other_linux.go is for other processors
//	subreaper_linux.go     PR_SET_CHILD_SUBREAPER
//	pidfile_linux.go       the daemon's pidfile, by inotify; pidfile.go reads it
//	named_linux.go         what it names, and whether that may be believed
//	output_linux.go        what the programs write: a FIFO; output.go cuts it into lines
//	stream_linux.go        which of it was written before a start
//	report_linux.go        how a start came out, with the program's last lines
//	control_linux.go       the control socket and its clients
//	requests_linux.go      what they ask for, and wait for
//	status_linux.go        what they are told of a service
//	stuck_linux.go         why a process is still there that was killed
//	journal_linux.go       what comes about, for those that follow or look back
//	record_linux.go        what is written down for a later supervisor
//	adopt_linux.go         going on with the service of one that was killed
//	upgrade_linux.go       going on as another binary, in the same process
//
// One goroutine, locked to its thread, owns all state, so there is no lock but that of
// what other goroutines ask of it (Host.Add, Host.Remove), which wakes the loop.
// The others do what may block: errands, readers of the memory of processes, what
// is removed before a start, and for each service one that reads its output. One
// more sends signals on to the loop's thread.
package watch
