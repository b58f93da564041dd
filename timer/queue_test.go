package timer

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// at is a point in the tests' own time, which no clock moves.
func at(ms int) time.Time { return time.UnixMilli(int64(ms)) }

// popAll pops everything that is due.
func popAll(q *Queue[string], now time.Time) (keys []string) {
	for {
		key, ok := q.Pop(now)
		if !ok {
			return keys
		}
		keys = append(keys, key)
	}
}

func TestQueue(t *testing.T) {
	type set struct {
		key string
		at  int
	}
	const clear = -1
	for _, tt := range []struct {
		name string
		do   []set // in order; at clear clears
		now  int
		want []string
		left int
	}{
		{name: "empty", now: 10},
		{name: "not yet", do: []set{{"a", 11}}, now: 10, left: 1},
		{name: "exactly now", do: []set{{"a", 10}}, now: 10, want: []string{"a"}},
		{name: "earliest first", do: []set{{"a", 3}, {"b", 1}, {"c", 2}}, now: 10, want: []string{"b", "c", "a"}},
		{name: "ties in order of Set", do: []set{{"a", 1}, {"b", 1}, {"c", 1}, {"a", 1}}, now: 1, want: []string{"b", "c", "a"}},
		{name: "moved later", do: []set{{"a", 1}, {"b", 2}, {"a", 20}}, now: 10, want: []string{"b"}, left: 1},
		{name: "moved earlier", do: []set{{"a", 2}, {"b", 20}, {"b", 1}}, now: 10, want: []string{"b", "a"}},
		{name: "cleared", do: []set{{"a", 1}, {"b", 2}, {"c", 3}, {"b", clear}}, now: 10, want: []string{"a", "c"}},
		{name: "cleared twice", do: []set{{"a", 1}, {"a", clear}, {"a", clear}}, now: 10},
		{name: "cleared, never set", do: []set{{"a", clear}, {"b", 1}}, now: 10, want: []string{"b"}},
		{name: "only what is due", do: []set{{"a", 10}, {"b", 11}, {"c", 9}}, now: 10, want: []string{"c", "a"}, left: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var q Queue[string]
			for _, s := range tt.do {
				if s.at == clear {
					q.Clear(s.key)
				} else {
					q.Set(s.key, at(s.at))
				}
			}
			if got := popAll(&q, at(tt.now)); !slices.Equal(got, tt.want) {
				t.Errorf("popped %q, want %q", got, tt.want)
			}
			if q.Len() != tt.left {
				t.Errorf("%d left, want %d", q.Len(), tt.left)
			}
		})
	}
}

func TestQueueNext(t *testing.T) {
	var q Queue[int]
	if _, ok := q.Next(); ok {
		t.Error("an empty queue has a next deadline")
	}
	q.Set(1, at(20))
	q.Set(2, at(10))
	if next, ok := q.Next(); !ok || !next.Equal(at(10)) {
		t.Errorf("next is %v, %v", next, ok)
	}
	q.Clear(2)
	if next, ok := q.Next(); !ok || !next.Equal(at(20)) {
		t.Errorf("after Clear, next is %v, %v", next, ok)
	}
}

// model is a Queue that is too simple to be wrong: a list in order of Set.
type model []entry[byte]

func (m *model) set(key byte, at time.Time) {
	m.clear(key)
	*m = append(*m, entry[byte]{key: key, at: at})
}

func (m *model) clear(key byte) {
	*m = slices.DeleteFunc(*m, func(e entry[byte]) bool { return e.key == key })
}

func (m *model) first() (int, bool) {
	first := -1
	for i, e := range *m {
		if first < 0 || e.at.Before((*m)[first].at) {
			first = i
		}
	}
	return first, first >= 0
}

func (m *model) pop(now time.Time) (byte, bool) {
	i, ok := m.first()
	if !ok || (*m)[i].at.After(now) {
		return 0, false
	}
	key := (*m)[i].key
	m.clear(key)
	return key, true
}

// compare runs a program of three bytes an instruction on a Queue and on the model.
func compare(t *testing.T, program []byte) {
	var q Queue[byte]
	var m model
	for ; len(program) >= 3; program = program[3:] {
		key, when := program[1]%16, at(int(program[2]%32))
		switch program[0] % 4 {
		case 0, 1:
			q.Set(key, when)
			m.set(key, when)
		case 2:
			q.Clear(key)
			m.clear(key)
		case 3:
			got, ok := q.Pop(when)
			if want, wantOK := m.pop(when); got != want || ok != wantOK {
				t.Fatalf("Pop: %v, %v, want %v, %v", got, ok, want, wantOK)
			}
		}
		next, ok := q.Next()
		i, wantOK := m.first()
		if ok != wantOK || ok && !next.Equal(m[i].at) || q.Len() != len(m) || len(q.pos) != len(m) {
			t.Fatalf("Next %v, %v, Len %d; the model is %v", next, ok, q.Len(), m)
		}
	}
}

func FuzzQueue(f *testing.F) {
	f.Add([]byte{0, 1, 9, 0, 2, 9, 0, 1, 9, 3, 0, 9, 2, 2, 0, 3, 0, 31})
	f.Fuzz(compare)
}

// TestQueueAgainstModel is what FuzzQueue does, for a plain go test.
func TestQueueAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		program := make([]byte, 3*random.IntN(100))
		for i := range program {
			program[i] = byte(random.Uint32())
		}
		compare(t, program)
	}
}

func BenchmarkQueueMove(b *testing.B) {
	var q Queue[int]
	for key := range 1000 {
		q.Set(key, at(key))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Set(i%1000, at(i))
	}
}
