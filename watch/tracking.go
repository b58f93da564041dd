package watch

import "slices"

// Tracking is how a supervisor knows of the processes that are born: a step of
// the ladder, the best first.
type Tracking int

const (
	// TrackBest is the first step that works.
	TrackBest Tracking = iota
	// TrackKernelSet has the kernel keep the set of our descendants itself (an
	// eBPF filter on the proc connector), so nothing is missed and no
	// forks of other processes wake us.
	TrackKernelSet
	// TrackSocketFilter has a classic filter on the proc connector pass what is
	// about processes that we know; it needs no privilege.
	TrackSocketFilter
	// TrackEvents takes the proc connector's events of the whole machine.
	TrackEvents
	// TrackScan reads the children files in /proc whenever we wake.
	TrackScan
	// TrackPidfile knows what the pidfile names; /proc, if there is one, is read
	// when a process has died or is to be ended.
	TrackPidfile
)

var trackings = []string{"", "kernel-set", "socket-filter", "events", "scan", "pidfile"}

// String is the word that status and --tracking use; that of TrackBest is
// empty.
func (t Tracking) String() string { return trackings[t] }

// ParseTracking is the inverse of String; ok is false for other words.
func ParseTracking(word string) (t Tracking, ok bool) {
	i := slices.Index(trackings, word)
	return Tracking(max(i, 0)), i >= 0
}
