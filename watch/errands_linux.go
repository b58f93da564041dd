package watch

import (
	"errors"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Some of what a supervisor does blocks for as long as others like: a path on a
// disk that hangs, the memory of a process that keeps it locked. Such an errand
// is run on another thread; what came of it is told on the loop, and if that
// takes too long, the loop is told so.
//
// Errands of one lane are run one after the other, in order. So what hangs
// keeps one thread, however much is waiting behind it. Lanes share the threads
// of their crew, and those are few: where a disk keeps all of a crew, its
// other lanes are late, but no other crew's are.
//
// All of that is kept by the loop. Where nothing is to be done there is nothing
// but an eventfd.

// errands is the room.
type errands struct {
	carrier
	timers timers
	now    func() time.Time
	check  func(error)
	open   []*errand // under way, or waiting for that

	disks, paths, memory crew
	outputs              crew // waits for other goroutines, which takes no thread
}

// errand is something that may block.
type errand struct {
	lane *lane
	do   func() (tell func()) // off the loop: it must not touch what is the loop's
	tell func()               // on the loop, if it came in time; may be nil
	late func()               // on the loop, in its place; may be nil
	told bool                 // that it is late
	last bool                 // its outcome is told all the same
}

// lane is what is done one at a time.
type lane struct {
	crew  *crew
	queue []*errand // the first is under way, or waits for a thread
}

// crew is a number of threads that lanes share.
type crew struct {
	free    int
	waiting []*lane // for a thread, the next one first
}

// How many threads may be held up for ever: by the supervisor's own files, which
// are all in one folder, and by the paths of pidfiles. The one for the memory of
// processes is not held up itself: see memoryReaders. spareThreads has them; each
// costs some 30 kB.
const (
	diskThreads   = 1
	pathThreads   = 2
	memoryThreads = 1
	errandThreads = diskThreads + pathThreads + memoryThreads
)

// maxErrands bounds what waits in a lane.
const maxErrands = 64

// carrier runs errands.
type carrier interface {
	// FD is readable when one has returned.
	FD() int
	// carry never blocks.
	carry(e *errand)
	// take returns one that has returned, if there is one.
	take() (*errand, bool)
	// await waits until there is one, but not longer.
	await(patience time.Duration) bool
	close() error
}

// busy reports whether something of the lane is under way or waits. More of the
// same is best handed over when it is not: in the turn in which the errand
// returns at the earliest, with what is the newest then. So there is never an
// old state in a queue behind another one.
func (l *lane) busy() bool { return len(l.queue) > 0 }

// run has something done off the loop, after what the lane has been given
// before. Either do's outcome is told or, when the patience is over, late; what
// was late is done all the same, but no longer told.
func (r *errands) run(l *lane, patience time.Duration, do func() (tell func()), late func()) {
	e := &errand{lane: l, do: do, late: late}
	if len(l.queue) == maxErrands {
		r.due(e)
		return
	}
	r.check(r.timers.Set(deadline{errand: e}, r.now().Add(patience)))
	r.begin(e)
}

// ask is run for what bounds itself: it is never late, not even when the machine was, and always
// told. How much of that there can be in a lane is for the caller to bound.
func (r *errands) ask(l *lane, do func() (tell func())) { r.begin(&errand{lane: l, do: do}) }

// finish is run for the last that is done in a lane: what comes of it is told, late or not.
func (r *errands) finish(l *lane, do func() (tell func())) {
	e := &errand{lane: l, do: do, last: true}
	r.check(r.timers.Set(deadline{errand: e}, r.now().Add(finishPatience)))
	r.begin(e)
}

func (r *errands) begin(e *errand) {
	l := e.lane
	l.queue = append(l.queue, e)
	r.open = append(r.open, e)
	if len(l.queue) == 1 {
		l.crew.waiting = append(l.crew.waiting, l)
		r.employ(l.crew)
	}
}

// employ gives lanes the threads that are free.
func (r *errands) employ(c *crew) {
	for c.free > 0 && len(c.waiting) > 0 {
		l := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1) // which lets go of it
		c.free--
		r.carry(l.queue[0])
	}
}

// returned is called when the carrier's descriptor is readable.
func (r *errands) returned() {
	for e, ok := r.take(); ok; e, ok = r.take() {
		r.end(e)
	}
}

func (r *errands) end(e *errand) {
	l := e.lane
	l.queue = slices.Delete(l.queue, 0, 1)
	if l.crew.free++; len(l.queue) > 0 {
		l.crew.waiting = append(l.crew.waiting, l)
	}
	r.employ(l.crew)
	r.open = slices.DeleteFunc(r.open, func(o *errand) bool { return o == e })
	if e.told && !e.last {
		return
	}
	r.check(r.timers.Clear(deadline{errand: e}))
	if e.tell != nil {
		e.tell()
	}
}

// due is called when an errand's patience is over.
func (r *errands) due(e *errand) {
	if e.told = true; e.late != nil {
		e.late()
	}
}

// idle reports whether nothing is under way or waits.
func (r *errands) idle() bool { return len(r.open) == 0 }

// stuck reports whether something that is late has not returned.
func (r *errands) stuck() bool {
	return slices.ContainsFunc(r.open, func(e *errand) bool { return e.told })
}

// settle waits until all has returned, and has more handed over each time, but
// no longer than the patience. It reports whether all was done.
func (r *errands) settle(patience time.Duration, more func()) bool {
	end := time.Now().Add(patience)
	for more(); !r.idle(); more() {
		if !r.await(time.Until(end)) {
			return false
		}
		r.returned()
	}
	return true
}

// threads is the carrier of the real kernel: a goroutine for each errand that is
// under way, which has a thread of the runtime as long as it is in the kernel
// (makeThreads has made them).
type threads struct {
	back    chan *errand
	wake    *wake
	calling sync.WaitGroup // an errand may have been taken before its goroutine has called
}

func (linux) newCarrier() (carrier, error) {
	w, err := newWake()
	if err != nil {
		return nil, err
	}
	return &threads{back: make(chan *errand, errandThreads), wake: w}, nil
}

func (t *threads) FD() int { return t.wake.fd }

func (t *threads) carry(e *errand) {
	t.calling.Go(func() {
		e.tell = e.do()
		t.back <- e // there is room for all that can be under way
		t.wake.call()
	})
}

func (t *threads) take() (*errand, bool) {
	t.wake.clear()
	select {
	case e := <-t.back:
		return e, true
	default:
		return nil, false
	}
}

func (t *threads) await(patience time.Duration) bool {
	for end := time.Now().Add(patience); ; {
		left := max(0, time.Until(end).Milliseconds())
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(t.wake.fd), Events: unix.POLLIN}}, int(left))
		if !errors.Is(err, unix.EINTR) {
			return n > 0
		}
	}
}

// close must not be called while something is under way, for it waits until all have called.
func (t *threads) close() error {
	t.calling.Wait()
	return os.NewSyscallError("close", t.wake.close())
}

func (s *Host) makeErrands() (err error) {
	r := &s.errands
	r.timers, r.now, r.check = s.timers, s.now, s.check
	r.disks.free, r.paths.free, r.memory.free, r.outputs.free = diskThreads, pathThreads, memoryThreads, math.MaxInt
	s.recall = newRecall(s.newMemories(), &r.memory)
	if r.carrier, err = s.newCarrier(); err != nil {
		return err
	}
	_, err = s.loop.add(rankWake, r.FD(), unix.EPOLLIN, func(uint32) { r.returned() })
	return err
}

// handOff is called at the end of a turn: what it has brought is handed over.
func (s *Host) handOff() {
	for _, u := range s.units {
		s.writeJournal(u)
		s.readPidfile(u)
		s.keepFiles(u)
	}
	s.recordAll()
}

// endErrands has what is left written down, and gives up what takes too long: the
// process is about to end.
func (s *Host) endErrands() error {
	if s.errands.carrier == nil { // there is no service yet
		return nil
	}
	for _, u := range s.units {
		u.leaving = nil // it ends for another reason
		s.endOutput(u)
	}
	closed := false
	done := s.errands.settle(finishPatience, func() {
		if closed {
			return
		}
		if s.handOff(); s.errands.idle() {
			closed = true
			for _, u := range s.units {
				s.closeFiles(u)
			}
		}
	})
	if !done {
		s.log.Warn("a disk takes no more: what was still to be written there is given up")
		return nil
	}
	return s.errands.close()
}
