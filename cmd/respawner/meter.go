package main

import (
	"time"

	"respawner/watch/control"
)

// usage is the processor time and memory that a service uses.
type usage struct {
	cpu    float64 // percent of one processor
	memory int64   // bytes
	atMost bool    // memory is an upper bound: shared pages were counted for each process
	main   int     // the main process at that time
}

// meter measures what one service uses. Its processes are told apart by pid
// and birth.
type meter struct {
	at     time.Time
	before map[int]seen
}

// seen is a process at the last look.
type seen struct {
	procInfo
	parent int
}

// percent returns what processes have used since the last look, in percent of one
// processor; 0 at the first.
func (m *meter) percent(at time.Time, now map[int]seen) float64 {
	before, since := m.before, at.Sub(m.at)
	m.before, m.at = now, at
	if before == nil || since <= 0 {
		return 0
	}
	return 100 * float64(max(spent(before, now), 0)) / float64(since)
}

// spent returns the CPU time that was used between two looks. The time of a process
// that has died since is in the Kids of the nearest live process above it.
func spent(before, now map[int]seen) time.Duration {
	var d time.Duration
	for _, p := range now {
		d += p.CPU + p.Kids
	}
	for pid, p := range before {
		if now[pid].Born == p.Born || inherited(p, before, now) {
			d -= p.CPU + p.Kids
		}
	}
	return d
}

func inherited(p seen, before, now map[int]seen) bool {
	for range before {
		above, known := before[p.parent]
		if !known {
			return false
		}
		if now[p.parent].Born == above.Born {
			return true
		}
		p = above
	}
	return false
}

// look reads the birth, times and memory of each process of a service.
func look(s *control.Status) map[int]seen {
	all := make(map[int]seen)
	for _, p := range s.Processes {
		if info := readProcInfo(p.PID); info.Born > 0 {
			all[p.PID] = seen{info, p.PPID}
		}
	}
	return all
}

// memoryOf returns the proportional set size of processes. It takes the resident size of a
// process where the kernel does not tell the proportional one.
func memoryOf(processes map[int]seen) (sum int64, atMost bool) {
	for pid, p := range processes {
		pss, ok := readPSS(pid)
		if !ok {
			pss, atMost = p.RSS, true
		}
		sum += pss
	}
	return sum, atMost
}
