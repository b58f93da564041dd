package timer

import "time"

// Queue holds deadlines, at most one for each key, and hands out the keys in the order they fall due.
//
// The zero value is an empty queue, ready to use. Set, Clear and Pop take O(log n) time, Next and Len O(1). A Queue is
// not safe for concurrent use.
type Queue[K comparable] struct {
	heap []entry[K]
	pos  map[K]int // where each key is in heap
	sets uint64    // how many times Set was called: the order among equal deadlines
}

type entry[K comparable] struct {
	key K
	at  time.Time
	set uint64
}

func (e *entry[K]) before(o *entry[K]) bool {
	if c := e.at.Compare(o.at); c != 0 {
		return c < 0
	}
	return e.set < o.set
}

// Set gives key the deadline at. A deadline that key already has is replaced. Any time is accepted, the past included.
func (q *Queue[K]) Set(key K, at time.Time) {
	if q.pos == nil {
		q.pos = make(map[K]int)
	}
	q.sets++
	e := entry[K]{key: key, at: at, set: q.sets}
	if i, ok := q.pos[key]; ok {
		q.heap[i] = e
		q.fix(i)
		return
	}
	q.heap = append(q.heap, e)
	q.pos[key] = len(q.heap) - 1
	q.up(len(q.heap) - 1)
}

// Clear takes key's deadline away. It does nothing when key has none.
func (q *Queue[K]) Clear(key K) {
	if i, ok := q.pos[key]; ok {
		q.remove(i)
	}
}

// Next returns the earliest deadline; ok is false when there is none.
func (q *Queue[K]) Next() (at time.Time, ok bool) {
	if len(q.heap) == 0 {
		return time.Time{}, false
	}
	return q.heap[0].at, true
}

// Pop removes and returns the key with the earliest deadline that is due, that is, not after now; ok is false when
// none is. Keys with equal deadlines come in the order in which they were last Set.
func (q *Queue[K]) Pop(now time.Time) (key K, ok bool) {
	if len(q.heap) == 0 || q.heap[0].at.After(now) {
		return key, false
	}
	key = q.heap[0].key
	q.remove(0)
	return key, true
}

// Len returns how many keys have a deadline.
func (q *Queue[K]) Len() int { return len(q.heap) }

func (q *Queue[K]) remove(i int) {
	last := len(q.heap) - 1
	q.swap(i, last)
	delete(q.pos, q.heap[last].key)
	q.heap[last] = entry[K]{} // let go of what the key refers to
	q.heap = q.heap[:last]
	if i < last {
		q.fix(i)
	}
}

// fix puts the entry at i, the only one that may be out of place, where it belongs.
func (q *Queue[K]) fix(i int) {
	q.up(i)
	q.down(i)
}

func (q *Queue[K]) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !q.heap[i].before(&q.heap[parent]) {
			return
		}
		q.swap(i, parent)
		i = parent
	}
}

func (q *Queue[K]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			return
		}
		if right := child + 1; right < len(q.heap) && q.heap[right].before(&q.heap[child]) {
			child = right
		}
		if !q.heap[child].before(&q.heap[i]) {
			return
		}
		q.swap(i, child)
		i = child
	}
}

func (q *Queue[K]) swap(i, j int) {
	q.heap[i], q.heap[j] = q.heap[j], q.heap[i]
	q.pos[q.heap[i].key] = i
	q.pos[q.heap[j].key] = j
}
