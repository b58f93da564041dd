package settle

import (
	"reflect"
	"unsafe"
)

// copier copies a whole state, whatever its fields are called: what a pointer leads to is copied
// once, and so are slices and maps.
type copier struct {
	done map[unsafe.Pointer]unsafe.Pointer
}

func (c *copier) of(s *sim) *sim {
	if c.done == nil {
		c.done = map[unsafe.Pointer]unsafe.Pointer{}
	}
	clear(c.done)
	var out *sim
	copyOf(reflect.TypeFor[*sim]())(c, unsafe.Pointer(&out), unsafe.Pointer(&s))
	return out
}

// copying copies what is at a place to another one.
type copying func(c *copier, to, from unsafe.Pointer)

var copyings = map[reflect.Type]*copying{}

func copyOf(t reflect.Type) copying {
	if f := copyings[t]; f != nil {
		return func(c *copier, to, from unsafe.Pointer) { (*f)(c, to, from) }
	}
	f := new(copying)
	copyings[t] = f
	*f = newCopying(t)
	return *f
}

// isFlat reports whether there is nothing in a type to follow.
func isFlat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return false
	case reflect.Array:
		return isFlat(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !isFlat(t.Field(i).Type) {
				return false
			}
		}
	}
	return true
}

func newCopying(t reflect.Type) copying {
	if isFlat(t) {
		return func(_ *copier, to, from unsafe.Pointer) {
			reflect.NewAt(t, to).Elem().Set(reflect.NewAt(t, from).Elem())
		}
	}
	switch t.Kind() {
	case reflect.Pointer:
		target, elem := copyOf(t.Elem()), t.Elem()
		return func(c *copier, to, from unsafe.Pointer) {
			p := *(*unsafe.Pointer)(from)
			switch q := c.done[p]; {
			case p == nil:
			case q != nil:
				*(*unsafe.Pointer)(to) = q
			default:
				q = reflect.New(elem).UnsafePointer()
				c.done[p] = q
				*(*unsafe.Pointer)(to) = q
				target(c, q, p)
			}
		}
	case reflect.Struct:
		return structCopying(t)
	case reflect.Array:
		each, n, size := copyOf(t.Elem()), t.Len(), t.Elem().Size()
		return func(c *copier, to, from unsafe.Pointer) {
			for i := range n {
				each(c, unsafe.Add(to, uintptr(i)*size), unsafe.Add(from, uintptr(i)*size))
			}
		}
	case reflect.Slice:
		each, size := copyOf(t.Elem()), t.Elem().Size()
		return func(c *copier, to, from unsafe.Pointer) {
			old := reflect.NewAt(t, from).Elem()
			if old.Len() == 0 {
				reflect.NewAt(t, to).Elem().SetZero() // not the room of the old one
				return
			}
			all := reflect.MakeSlice(t, old.Len(), old.Len())
			for i := range old.Len() {
				each(c, unsafe.Add(all.UnsafePointer(), uintptr(i)*size), unsafe.Add(old.UnsafePointer(), uintptr(i)*size))
			}
			reflect.NewAt(t, to).Elem().Set(all)
		}
	}
	return mapCopying(t)
}

func structCopying(t reflect.Type) copying {
	var each []copying
	var where []uintptr
	for i := range t.NumField() {
		if f := t.Field(i); !isFlat(f.Type) {
			each, where = append(each, copyOf(f.Type)), append(where, f.Offset)
		}
	}
	return func(c *copier, to, from unsafe.Pointer) {
		reflect.NewAt(t, to).Elem().Set(reflect.NewAt(t, from).Elem())
		for i, f := range each {
			at := unsafe.Add(to, where[i])
			f(c, at, unsafe.Add(from, where[i]))
		}
	}
}

func mapCopying(t reflect.Type) copying {
	key, value := copyOf(t.Key()), copyOf(t.Elem())
	return func(c *copier, to, from unsafe.Pointer) {
		old := reflect.NewAt(t, from).Elem()
		if old.IsNil() {
			return
		}
		m := reflect.MakeMapWithSize(t, old.Len())
		for it := old.MapRange(); it.Next(); {
			oldKey, oldValue := reflect.New(t.Key()), reflect.New(t.Elem())
			oldKey.Elem().Set(it.Key())
			oldValue.Elem().Set(it.Value())
			newKey, newValue := reflect.New(t.Key()), reflect.New(t.Elem())
			key(c, newKey.UnsafePointer(), oldKey.UnsafePointer())
			value(c, newValue.UnsafePointer(), oldValue.UnsafePointer())
			m.SetMapIndex(newKey.Elem(), newValue.Elem())
		}
		reflect.NewAt(t, to).Elem().Set(m)
	}
}
