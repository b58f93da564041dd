// Package fuse is a small file system in memory, served over /dev/fuse
// (include/uapi/linux/fuse.h), that can fall silent: what it is asked then gets
// no answer, as from a disk or a server that hangs.
package fuse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// What the kernel asks for.
const (
	Lookup  = 1
	GetAttr = 3
	SetAttr = 4
	Mknod   = 8
	Mkdir   = 9
	Unlink  = 10
	Rmdir   = 11
	Rename  = 12
	Link    = 13
	Open    = 14
	Read    = 15
	Write   = 16
	StatFS  = 17
	Release = 18
	Fsync   = 20
	Init    = 26
	OpenDir = 27
	ReadDir = 28
	Create  = 35
	Rename2 = 45

	forget, interrupt, releaseDir, fsyncDir, batchForget = 2, 36, 29, 30, 42
)

// Changes is what changes something: a disk on which only that hangs can still
// be read.
var Changes = []uint32{SetAttr, Mknod, Mkdir, Unlink, Rmdir, Rename, Rename2, Link, Write, Fsync, Create}

// All is all but the first word of a mount.
var All = append([]uint32{Lookup, GetAttr, Open, Read, StatFS, Release, OpenDir, ReadDir, fsyncDir, releaseDir}, Changes...)

// FS is such a file system. Make one with [Mount].
type FS struct {
	// Unanswered tells of what gets no answer, as long as there is room.
	Unanswered chan uint32

	dir    string
	fd     int
	served sync.WaitGroup

	mu     sync.Mutex
	nodes  map[uint64]*node
	last   uint64
	hung   []uint32  // what is not answered
	held   []request // that was not
	faulty int       // so many reads fail, and then nothing is taken any more; -1: never
	deaf   *sync.Cond
	isDeaf bool
}

type request struct {
	op, uid, gid uint32
	unique, node uint64
	body         []byte
}

var native = binary.NativeEndian

// Mount mounts a new one, empty, on a folder. It takes root.
func Mount(dir string) (*FS, error) {
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/fuse: %w", err)
	}
	options := fmt.Sprintf("fd=%d,rootmode=40755,user_id=0,group_id=0,allow_other,default_permissions", fd)
	if err := unix.Mount("hung", dir, "fuse", unix.MS_NODEV, options); err != nil {
		return nil, errors.Join(fmt.Errorf("mount: %w", err), unix.Close(fd))
	}
	fs := &FS{dir: dir, fd: fd, nodes: map[uint64]*node{}, faulty: -1, Unanswered: make(chan uint32, 64)}
	fs.deaf = sync.NewCond(&fs.mu)
	fs.add(unix.S_IFDIR|0o755, 0, 0)
	fs.served.Go(fs.serve)
	if err := fs.endPolling(); err != nil {
		return nil, errors.Join(err, fs.Close())
	}
	return fs, nil
}

// endPolling has the kernel ask once whether a file is ready, and learn that there
// is no such question. Else it would be asked when Go's runtime adds a file to its
// epoll set, which it takes for a call that never waits: it would wait for us, and
// we for the runtime.
func (fs *FS) endPolling() error {
	path := fs.dir + "/polled"
	fd, err := unix.Open(path, unix.O_CREAT|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return fmt.Errorf("create a first file: %w", err)
	}
	_, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return errors.Join(err, unix.Close(fd), unix.Unlink(path))
}

// Hang has some of what it is asked not answered, until Thaw.
func (fs *FS) Hang(ops []uint32) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.hung = ops
}

// HangAfter has so many reads fail, and then takes no further request, until
// Thaw. A process that waits for a request that was not taken can be killed.
func (fs *FS) HangAfter(reads int) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.faulty = reads
}

// Thaw has all answered that was not.
func (fs *FS) Thaw() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.hung, fs.faulty, fs.isDeaf = nil, -1, false
	for _, r := range fs.held {
		fs.answer(r)
	}
	fs.held = nil
	fs.deaf.Broadcast()
}

// Close takes it away. What still waits for an answer gets an error.
func (fs *FS) Close() error {
	err := unix.Unmount(fs.dir, unix.MNT_FORCE|unix.MNT_DETACH)
	fs.Thaw()
	fs.served.Wait()
	return err
}

// serve reads what the kernel asks until the mount has gone.
func (fs *FS) serve() {
	buf := make([]byte, 1<<20)
	for {
		n, err := unix.Read(fs.fd, buf)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN || err == unix.ENOENT: // it was taken back
			continue
		case err != nil:
			_ = unix.Close(fs.fd) // ENODEV: unmounted
			return
		}
		fs.take(request{
			op: native.Uint32(buf[4:]), unique: native.Uint64(buf[8:]), node: native.Uint64(buf[16:]),
			uid: native.Uint32(buf[24:]), gid: native.Uint32(buf[28:]), body: slices.Clone(buf[40:n]),
		})
	}
}

func (fs *FS) take(r request) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	switch {
	case r.op == Read && fs.faulty > 0:
		fs.faulty--
		fs.isDeaf = fs.faulty == 0
		fs.reply(r, unix.EIO, nil)
	case slices.Contains(fs.hung, r.op):
		fs.held = append(fs.held, r)
		select {
		case fs.Unanswered <- r.op:
		default:
		}
	default:
		fs.answer(r)
	}
	for fs.isDeaf {
		fs.deaf.Wait()
	}
}

// answer replies to a request.
func (fs *FS) answer(r request) {
	if r.op == forget || r.op == batchForget || r.op == interrupt {
		return // there is no answer to these
	}
	out, err := fs.do(r)
	var errno unix.Errno
	if err != nil && !errors.As(err, &errno) {
		errno = unix.EIO
	}
	fs.reply(r, errno, out)
}

func (fs *FS) reply(r request, errno unix.Errno, out []byte) {
	if errno != 0 {
		out = nil
	}
	head := words(uint32(16+len(out)), uint32(-int32(errno)))
	head = native.AppendUint64(head, r.unique)
	_, err := unix.Write(fs.fd, append(head, out...))
	_ = err // ENOENT: nothing waits for it any more; ENODEV: serve will see
}

// do does what is asked. Offsets are those of the structs in fuse.h.
func (fs *FS) do(r request) ([]byte, error) {
	n := fs.nodes[r.node]
	if n == nil && r.op != Init {
		return nil, unix.ENOENT
	}
	switch r.op {
	case Init:
		return words(7, 31, 0, 0, 0, 1<<17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0), nil
	case Lookup:
		child := n.children[name(r.body)]
		if child == nil {
			return nil, unix.ENOENT
		}
		return child.entry(), nil
	case GetAttr:
		return append(make([]byte, 16), n.attr()...), nil
	case SetAttr:
		n.set(r.body)
		return append(make([]byte, 16), n.attr()...), nil
	case Mknod:
		return fs.create(n, r, native.Uint32(r.body), name(r.body[16:]))
	case Mkdir:
		return fs.create(n, r, unix.S_IFDIR|native.Uint32(r.body), name(r.body[8:]))
	case Create:
		entry, err := fs.create(n, r, unix.S_IFREG|native.Uint32(r.body[4:]), name(r.body[16:]))
		return append(entry, make([]byte, 16)...), err
	case Link:
		return fs.link(n, fs.nodes[native.Uint64(r.body)], name(r.body[8:]))
	case Unlink, Rmdir:
		return nil, n.remove(name(r.body))
	case Rename:
		return nil, fs.rename(n, r.body, r.body[8:])
	case Rename2:
		return nil, fs.rename(n, r.body, r.body[16:])
	case Open, OpenDir:
		return make([]byte, 16), nil
	case Read:
		return n.read(r.body), nil
	case ReadDir:
		return n.list(r.body), nil
	case Write:
		return n.write(r.body), nil
	case StatFS:
		return append(words(1<<20, 0, 1<<19, 0, 1<<19, 0, 1<<20, 0, 1<<19, 0, 4096, 255, 4096), make([]byte, 28)...), nil
	case Release, releaseDir, Fsync, fsyncDir:
		return nil, nil
	}
	return nil, unix.ENOSYS
}
