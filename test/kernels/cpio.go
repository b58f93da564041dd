package main

import (
	"fmt"
	"io"
)

// The kinds of files that are put into an archive (st_mode of inode(7)).
const (
	kindFolder  = 0o040000
	kindFile    = 0o100000
	kindConsole = 0o020000
)

// archive writes a cpio archive as the kernel takes it for an initramfs ("newc",
// Documentation/driver-api/early-userspace/buffer-format.rst). All in it is root's.
type archive struct {
	w     io.Writer
	inode int
	err   error // the first one
}

func (a *archive) folder(path string) { a.add(path, kindFolder|0o755, nil, [2]int{}) }

func (a *archive) file(path string, mode int, content []byte) {
	a.add(path, kindFile|mode, content, [2]int{})
}

func (a *archive) device(path string, major, minor int) {
	a.add(path, kindConsole|0o600, nil, [2]int{major, minor})
}

// close ends the archive.
func (a *archive) close() error {
	a.add("TRAILER!!!", 0, nil, [2]int{})
	return a.err
}

func (a *archive) add(path string, mode int, content []byte, device [2]int) {
	const links, root, then = 1, 0, 0
	a.inode++
	a.pad(a.write("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, root, root, links, then, len(content), 0, 0, device[0], device[1], len(path)+1, 0, path))
	a.pad(a.write("%s", content))
}

func (a *archive) write(format string, args ...any) (n int) {
	if a.err == nil {
		n, a.err = fmt.Fprintf(a.w, format, args...)
	}
	return n
}

// pad has what comes next begin at a multiple of 4.
func (a *archive) pad(n int) { a.write("%s", "\x00\x00\x00"[:-n&3]) }
