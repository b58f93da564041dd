package settle

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// digest makes a number of a whole state: two states with the same number go on in the same way.
// It reads all that can be reached, whatever the fields are called. Times and inodes count by their
// order alone, processes by the order in which they are come to.
type digest struct {
	buf   []byte
	seen  map[unsafe.Pointer]uint32
	times []time.Duration
	nodes []uint64
}

var seed = maphash.MakeSeed()

func (d *digest) of(s *sim) uint64 {
	d.buf, d.times, d.nodes = d.buf[:0], append(d.times[:0], 0), append(d.nodes[:0], 0)
	if d.seen == nil {
		d.seen = map[unsafe.Pointer]uint32{}
	}
	clear(d.seen)
	read := readerOf(reflect.TypeFor[*sim]())
	read(d, unsafe.Pointer(&s))
	d.number(min(s.t.look.done-s.t.loss.passes, 0))
	rank(d, d.times)
	rank(d, d.nodes)
	return maphash.Bytes(seed, d.buf)
}

// rank adds the places that values have in their order.
func rank[V cmp.Ordered](d *digest, values []V) {
	order := slices.Compact(slices.Sorted(slices.Values(values)))
	for _, v := range values {
		i, _ := slices.BinarySearch(order, v)
		d.buf = append(d.buf, byte(i))
	}
}

func (d *digest) number(n int) { d.buf = binary.AppendVarint(d.buf, int64(n)) }

// counters only grow: whether a look is done that was waited for is all that they tell.
var counters = []string{"Table.entered", "look.done", "loss.passes"}

// reader adds what is at a place.
type reader func(d *digest, at unsafe.Pointer)

var readers = map[reflect.Type]*reader{}

// readerOf returns what reads a type.
func readerOf(t reflect.Type) reader {
	if r := readers[t]; r != nil {
		return func(d *digest, at unsafe.Pointer) { (*r)(d, at) }
	}
	r := new(reader)
	readers[t] = r
	*r = newReader(t)
	return *r
}

func newReader(t reflect.Type) reader {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return func(d *digest, at unsafe.Pointer) { d.times = append(d.times, *(*time.Duration)(at)) }
	case t.Kind() == reflect.Uint64:
		return func(d *digest, at unsafe.Pointer) { d.nodes = append(d.nodes, *(*uint64)(at)) }
	}
	switch t.Kind() {
	case reflect.Bool, reflect.Uint8:
		return func(d *digest, at unsafe.Pointer) { d.buf = append(d.buf, *(*byte)(at)) }
	case reflect.Int:
		return func(d *digest, at unsafe.Pointer) { d.number(*(*int)(at)) }
	case reflect.String:
		return func(d *digest, at unsafe.Pointer) { d.buf = append(append(d.buf, *(*string)(at)...), 0) }
	case reflect.Interface, reflect.Func:
		return func(*digest, unsafe.Pointer) {} // the rooms' own
	case reflect.Pointer:
		return pointerReader(t)
	case reflect.Struct:
		return structReader(t)
	case reflect.Array:
		each := readerOf(t.Elem())
		return func(d *digest, at unsafe.Pointer) {
			for i := range t.Len() {
				each(d, unsafe.Add(at, uintptr(i)*t.Elem().Size()))
			}
		}
	case reflect.Slice:
		each, size := readerOf(t.Elem()), t.Elem().Size()
		return func(d *digest, at unsafe.Pointer) {
			head := (*struct {
				data     unsafe.Pointer
				len, cap int
			})(at)
			d.number(head.len)
			for i := range head.len {
				each(d, unsafe.Add(head.data, uintptr(i)*size))
			}
		}
	case reflect.Map:
		return mapReader(t)
	}
	panic("no reader for " + t.String())
}

func pointerReader(t reflect.Type) reader {
	target := readerOf(t.Elem())
	return func(d *digest, at unsafe.Pointer) {
		p := *(*unsafe.Pointer)(at)
		if p == nil {
			d.number(-1)
			return
		}
		n, known := d.seen[p]
		if known {
			d.number(int(n))
			return
		}
		n = uint32(len(d.seen))
		d.seen[p] = n
		d.number(int(n))
		target(d, p)
	}
}

func structReader(t reflect.Type) reader {
	var each []reader
	var where []uintptr
	for i := range t.NumField() {
		if f := t.Field(i); f.Tag.Get("state") != "no" && !slices.Contains(counters, t.Name()+"."+f.Name) {
			each, where = append(each, readerOf(f.Type)), append(where, f.Offset)
		}
	}
	return func(d *digest, at unsafe.Pointer) {
		for i, r := range each {
			r(d, unsafe.Add(at, where[i]))
		}
	}
}

// mapReader reads a map in the order of its keys, which are numbers or processes.
func mapReader(t reflect.Type) reader {
	key, value := readerOf(t.Key()), readerOf(t.Elem())
	return func(d *digest, at unsafe.Pointer) {
		m := reflect.NewAt(t, at).Elem()
		if d.number(m.Len()); m.Len() == 0 {
			return
		}
		type entry struct {
			order int
			key   reflect.Value
		}
		var all []entry
		for _, k := range m.MapKeys() {
			e := entry{key: reflect.New(t.Key()).Elem()}
			e.key.Set(k)
			if k.Kind() == reflect.Pointer {
				e.order = d.orderOf((*Process)(k.UnsafePointer()))
			} else {
				e.order = int(k.Int())
			}
			all = append(all, e)
		}
		slices.SortFunc(all, func(a, b entry) int { return a.order - b.order })
		for _, e := range all {
			key(d, e.key.Addr().UnsafePointer())
			v := reflect.New(t.Elem()).Elem()
			v.Set(m.MapIndex(e.key))
			value(d, v.Addr().UnsafePointer())
		}
	}
}

func (d *digest) orderOf(p *Process) int {
	if n, known := d.seen[unsafe.Pointer(p)]; known {
		return int(n)
	}
	return 1<<20 + p.PID<<8 + int(p.Life)<<4
}
