// Package service decides what a supervisor does next for one service. It is
// pure: no clock, no file, no process, no lock. It is told what happened and
// answers with what to do.
//
// # The story
//
// A service is the forest of processes that descend from one program the
// supervisor started. A process of the forest whose parent is the supervisor
// is a root. At first there is one root, the starter. A program that puts
// itself into the background forks and lets the starter exit; the kernel then
// gives the orphans to the supervisor (it is their subreaper), so they become
// roots: the starter has handed over the baton. That may happen any number of
// times, at once or late, and needs neither a count of forks nor a pidfile.
//
// When no root has come or gone for a moment (Settle), the start is over and
// the service is up. The roots that stand then are the founding roots, and one
// of them is the main process:
//
//   - the one that the pidfile names;
//   - else the one that still runs the program that was started;
//   - else the one in which it goes on: a process that puts itself into the
//     background forks and leaves at once, so that is the last child of the one that left;
//   - else one that has children;
//   - else the first born.
//
// Where there is just one candidate, or where one was named, only main is
// vital. Where it is a guess, every founding root is vital: the crash of any
// is the service's crash, so a wrong guess can't leave a dead service
// "running". An orphan that comes home later is a stray: shown, and ended with
// the service, but its own end means nothing.
//
// A vital root that is killed, or exits with a status that is no success, is a
// crash. What it leaves behind (workers that hold the port) is ended, and when
// no process is left and the respawn delay has passed, the program is started
// again. A main process that ends normally ends the service, unless it hands over:
// a young one to whatever it leaves, an old one to a process of its own program
// (handover.go).
//
// # The machine
//
// Machine.Step takes one Event and returns the Effects to be done, in order.
// The table in machine.go names what each state does with each event.
// Whatever is done by an effect comes back as an event, failures included.
//
//	Start -> Spawn -> Spawned -> Forked, Execed, Exited ... -> Due{Settle} -> Up
package service
