package fuse

import (
	"strings"

	"golang.org/x/sys/unix"
)

// node is a file, a folder, or what else has a name.
type node struct {
	id       uint64
	mode     uint32
	uid, gid uint32
	links    uint32
	data     []byte
	children map[string]*node // of a folder
}

func (fs *FS) add(mode, uid, gid uint32) *node {
	fs.last++ // the first is the root's id
	n := &node{id: fs.last, mode: mode, uid: uid, gid: gid, links: 1}
	if mode&unix.S_IFMT == unix.S_IFDIR {
		n.children = map[string]*node{}
	}
	fs.nodes[n.id] = n
	return n
}

func (fs *FS) create(dir *node, r request, mode uint32, name string) ([]byte, error) {
	if dir.children[name] != nil {
		return nil, unix.EEXIST
	}
	n := fs.add(mode, r.uid, r.gid)
	dir.children[name] = n
	return n.entry(), nil
}

func (fs *FS) link(dir, n *node, name string) ([]byte, error) {
	if n == nil || dir.children[name] != nil {
		return nil, unix.EEXIST
	}
	n.links++
	dir.children[name] = n
	return n.entry(), nil
}

func (fs *FS) rename(from *node, target, names []byte) error {
	to := fs.nodes[native.Uint64(target)]
	old := name(names)
	if to == nil || from.children[old] == nil {
		return unix.ENOENT
	}
	to.children[name(names[len(old)+1:])] = from.children[old]
	delete(from.children, old)
	return nil
}

func (n *node) remove(name string) error {
	child := n.children[name]
	if child == nil {
		return unix.ENOENT
	}
	child.links--
	delete(n.children, name)
	return nil
}

func (n *node) set(in []byte) {
	const mode, uid, gid, size = 1, 2, 4, 8
	valid := native.Uint32(in)
	if valid&mode != 0 {
		n.mode = n.mode&unix.S_IFMT | native.Uint32(in[68:])&^unix.S_IFMT
	}
	if valid&uid != 0 {
		n.uid = native.Uint32(in[76:])
	}
	if valid&gid != 0 {
		n.gid = native.Uint32(in[80:])
	}
	if valid&size != 0 {
		n.grow(int(native.Uint64(in[16:])))
		n.data = n.data[:native.Uint64(in[16:])]
	}
}

func (n *node) grow(size int) {
	if size > len(n.data) {
		n.data = append(n.data, make([]byte, size-len(n.data))...)
	}
}

func (n *node) read(in []byte) []byte {
	from := min(int(native.Uint64(in[8:])), len(n.data))
	return n.data[from:min(from+int(native.Uint32(in[16:])), len(n.data))]
}

func (n *node) write(in []byte) []byte {
	from, size := int(native.Uint64(in[8:])), int(native.Uint32(in[16:]))
	n.grow(from + size)
	copy(n.data[from:], in[40:40+size])
	return words(uint32(size), 0)
}

// list is all at once, for the first read of a folder: they are small.
func (n *node) list(in []byte) (out []byte) {
	if native.Uint64(in[8:]) != 0 {
		return nil
	}
	for name, child := range n.children {
		out = native.AppendUint64(out, child.id)
		out = native.AppendUint64(out, 1)
		out = append(out, words(uint32(len(name)), child.mode>>12)...)
		out = append(out, name...)
		out = append(out, make([]byte, -len(name)&7)...)
	}
	return out
}

// entry is a fuse_entry_out: nothing of it may be kept, so that we are asked again.
func (n *node) entry() []byte {
	return append(append(native.AppendUint64(nil, n.id), make([]byte, 32)...), n.attr()...)
}

// attr is a fuse_attr.
func (n *node) attr() []byte {
	out := native.AppendUint64(nil, n.id)
	out = native.AppendUint64(out, uint64(len(n.data)))
	out = append(out, make([]byte, 8+3*8+3*4)...)
	return append(out, words(n.mode, n.links, n.uid, n.gid, 0, 4096, 0)...)
}

func words(all ...uint32) (out []byte) {
	for _, w := range all {
		out = native.AppendUint32(out, w)
	}
	return out
}

func name(in []byte) string {
	name, _, _ := strings.Cut(string(in), "\x00")
	return name
}
