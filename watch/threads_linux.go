package watch

import (
	"runtime"
	"sync"
)

// spareThreads is how many threads of Go's runtime there are beside its own
// (its monitor, that of signals, the one that makes others) and one for each
// processor that it uses. The loop's waits in the kernel for as long as the
// supervisor lives; a disk may hold up one that keeps the output, one that
// compresses it, one that keeps the log and one that removes files before a start;
// one is between two jobs; and there are those that errands may keep, and frozen
// processes.
const spareThreads = 6 + errandThreads + memoryReaders

// makeThreads has the runtime make all threads that it will ever need, as long
// as they can be had: it dies when it can't make one, for which a fork bomb in
// the service is enough. It never gives one back.
func makeThreads() {
	n := spareThreads + runtime.GOMAXPROCS(0) - 1
	var made, ended sync.WaitGroup
	let := make(chan struct{})
	made.Add(n)
	for range n {
		ended.Go(func() {
			runtime.LockOSThread() // the thread rests with this goroutine, so the next one needs another
			defer runtime.UnlockOSThread()
			made.Done()
			<-let
		})
	}
	made.Wait()
	close(let)
	ended.Wait()
}
