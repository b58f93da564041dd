package watch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

// The operations of FUSE that a file system of one folder needs
// (include/uapi/linux/fuse.h).
const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseOpen    = 14
	fuseRead    = 15
	fuseInit    = 26
	fuseOpendir = 27
)

// hungDisk is a file system that does not answer when it hangs. In its one
// folder there is a file by every name that has content.
type hungDisk struct {
	dir   string
	dev   *os.File
	hangs atomic.Bool
	reads atomic.Bool // a read of a file hangs, and nothing else
	heard chan uint32 // what was not answered
	pages atomic.Int32

	mu    sync.Mutex
	held  [][]byte // requests
	files []string // their inodes are 2, 3, ...
	texts map[string]string
}

// mountHungDisk mounts one. At the end of the test all that waits for it fails.
func mountHungDisk(t *testing.T, texts map[string]string) *hungDisk {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		unmet(t, "no FUSE: ", err)
	}
	d := &hungDisk{dir: t.TempDir(), texts: texts, heard: make(chan uint32, 64)}
	opts := fmt.Sprintf("fd=%d,rootmode=40755,user_id=%d,group_id=%d", fd, os.Getuid(), os.Getgid())
	if err := unix.Mount("watch-test", d.dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
		_ = unix.Close(fd)
		unmet(t, "no FUSE: ", err)
	}
	d.dev = os.NewFile(uintptr(fd), "fuse") // it can't be polled before
	var served sync.WaitGroup
	served.Go(d.serve)
	t.Cleanup(func() {
		_ = d.dev.Close() // it may be closed: what waits for it is let go by that
		check(t, unix.Unmount(d.dir, unix.MNT_DETACH))
		served.Wait()
	})
	return d
}

func (d *hungDisk) serve() {
	for buf := make([]byte, 1<<17); ; {
		n, err := d.dev.Read(buf)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENOENT):
		case err != nil:
			return // unmounted
		default:
			d.answer(buf[:n])
		}
	}
}

func (d *hungDisk) answer(req []byte) {
	le := binary.LittleEndian
	op, unique, node, body := le.Uint32(req[4:]), le.Uint64(req[8:]), le.Uint64(req[16:]), req[40:]
	if op == fuseForget {
		return
	}
	if op != fuseInit && d.hangs.Load() || op == fuseRead && d.reads.Load() {
		d.mu.Lock()
		d.held = append(d.held, bytes.Clone(req))
		d.mu.Unlock()
		d.heard <- op
		return
	}
	data, errno := d.reply(op, node, body)
	if errno != 0 {
		data = nil
	}
	var out bytes.Buffer
	_ = binary.Write(&out, le, struct {
		Len    uint32
		Error  int32
		Unique uint64
	}{uint32(16 + len(data)), -int32(errno), unique})
	_, _ = d.dev.Write(append(out.Bytes(), data...))
}

func (d *hungDisk) reply(op uint32, node uint64, body []byte) ([]byte, unix.Errno) {
	switch op {
	case fuseInit:
		return pack(struct{ Major, Minor, Readahead, Flags, Background, MaxWrite, Gran, Pages, More uint32 }{
			7, 31, 0, 0, 0, 1 << 16, 1, 0, 0,
		}, [28]byte{}), 0
	case fuseLookup:
		node = d.inode(string(bytes.TrimRight(body, "\x00")))
		if node == 0 {
			return nil, unix.ENOENT
		}
		return append(pack([5]uint64{node, 0, 0, 0, 0}), d.attr(node)...), 0
	case fuseGetattr:
		return append(pack([2]uint64{}), d.attr(node)...), 0
	case fuseOpen, fuseOpendir:
		return make([]byte, 16), 0
	case fuseRead:
		text := d.text(node)
		return []byte(text[min(len(text), int(binary.LittleEndian.Uint64(body[8:]))):]), 0
	}
	return nil, unix.ENOSYS
}

// resume has it answer again, and what it was asked meanwhile.
func (d *hungDisk) resume() {
	d.hangs.Store(false)
	d.mu.Lock()
	held := d.held
	d.held = nil
	d.mu.Unlock()
	for _, req := range held {
		d.answer(req)
	}
}

// set gives a file its content; "" takes it away.
func (d *hungDisk) set(name, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.texts[name] = text
}

func (d *hungDisk) inode(name string) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.texts[name] == "" {
		return 0
	}
	for i, known := range d.files {
		if known == name {
			return uint64(i) + 2
		}
	}
	d.files = append(d.files, name)
	return uint64(len(d.files)) + 1
}

func (d *hungDisk) text(node uint64) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.texts[d.files[node-2]]
}

// attr is a struct fuse_attr.
func (d *hungDisk) attr(node uint64) []byte {
	mode, size := uint32(unix.S_IFDIR|0o755), uint64(0)
	if node != 1 {
		mode, size = unix.S_IFREG|0o644, uint64(len(d.text(node)))
	}
	return pack(struct {
		Ino, Size, Blocks, Atime, Mtime, Ctime uint64
		AtimeN, MtimeN, CtimeN, Mode, Nlink    uint32
		UID, GID, Rdev, Blksize, Flags         uint32
	}{Ino: node, Size: size, Mode: mode, Nlink: 1, Blksize: 4096})
}

func pack(parts ...any) []byte {
	var out bytes.Buffer
	for _, p := range parts {
		_ = binary.Write(&out, binary.LittleEndian, p)
	}
	return out.Bytes()
}
