package safepath

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// always are the flags of each open. What is found is looked at first, but
// O_NONBLOCK and O_NOCTTY make sure that nothing waits, and no terminal becomes
// ours.
const always = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// failed tells what could not be done. A *KindError says so itself.
func failed(op, path string, err error) error {
	var kind *KindError
	if err == nil || errors.As(err, &kind) {
		return err
	}
	return &os.PathError{Op: op, Path: path, Err: err}
}

// open opens what was found.
func (e entry) open(flags int) (int, error) {
	for {
		fd, err := unix.Open(e.link(), flags|always, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// Open opens a regular file to read it.
func Open(path string) (*os.File, error) {
	f, _, err := OpenTrusted(path)
	return f, err
}

// OpenTrusted is Open that also returns, as trusted, why a user other than root
// and the caller can have written the file or a folder on the way to it, or
// put a link there; nil if none can.
func OpenTrusted(path string) (f *os.File, trusted, err error) {
	p, err := find(path, true)
	if err == nil {
		defer p.close()
		f, err = p.read(path)
	}
	if err != nil {
		return nil, nil, failed("open", path, err)
	}
	if p.foreign != nil {
		return f, p.foreign, nil
	}
	return f, onlyOurs(p.found), nil
}

func (p *place) read(path string) (*os.File, error) {
	if p.isEmpty() {
		return nil, unix.ENOENT
	}
	return p.found.read(path)
}

func (e entry) read(path string) (*os.File, error) {
	if !e.isKind(unix.S_IFREG) {
		return nil, kindOf(path, &e.st)
	}
	fd, err := e.open(unix.O_RDONLY)
	return file(fd, path, err)
}

// file is os.NewFile for what may have failed.
func file(fd int, path string, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// OpenProgram opens a regular file to read it, which was or is to be executed by
// its path: so the kernel walks it, through whatever links.
func OpenProgram(path string) (f *os.File, err error) {
	e, err := openPath(unix.AT_FDCWD, path, 0)
	if err == nil {
		defer e.close()
		f, err = e.read(path)
	}
	return f, failed("open", path, err)
}

// Append opens a regular file to append to it, and makes it if there is none.
func Append(path string, mode os.FileMode) (*os.File, error) { return appendTo(path, mode, false) }

// AppendDevice is Append that also opens a character device, as /dev/null or a
// terminal, if no other user can have put it there.
func AppendDevice(path string, mode os.FileMode) (*os.File, error) { return appendTo(path, mode, true) }

func appendTo(path string, mode os.FileMode, device bool) (f *os.File, err error) {
	err = unix.EEXIST
	for try := 0; try < maxTries && errors.Is(err, unix.EEXIST); try++ { // there, and then not
		f, err = appendOnce(path, mode, device)
	}
	return f, failed("open", path, err)
}

// maxTries bounds how often a file that comes and goes is tried.
const maxTries = 100

func appendOnce(path string, mode os.FileMode, device bool) (*os.File, error) {
	p, err := find(path, true)
	if err != nil {
		return nil, err
	}
	defer p.close()
	const flags = unix.O_WRONLY | unix.O_APPEND
	if p.isEmpty() {
		return p.make(path, flags, mode)
	}
	device = device && p.found.isKind(unix.S_IFCHR) && !p.planted
	if !device && !p.found.isKind(unix.S_IFREG) {
		return nil, kindOf(path, &p.found.st)
	}
	if err := p.mayAppend(); err != nil {
		return nil, err
	}
	fd, err := p.found.open(flags)
	return file(fd, path, err)
}

// make makes a file where there is none.
func (p *place) make(path string, flags int, mode os.FileMode) (*os.File, error) {
	fd, err := makeAt(p.dir.fd, p.name, flags, mode)
	return file(fd, path, err)
}

func makeAt(dir int, name string, flags int, mode os.FileMode) (int, error) {
	perm := uint32(mode.Perm())
	if mode&os.ModeSticky != 0 {
		perm |= unix.S_ISVTX
	}
	return unix.Openat(dir, name, flags|always|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW, perm)
}

// Create makes a file to write to it. There must be none, and no link. Of the mode
// the permissions and the sticky bit are heeded, as in all of the package.
func Create(path string, mode os.FileMode) (f *os.File, err error) {
	p, err := find(path, false)
	if err == nil {
		defer p.close()
		f, err = p.make(path, unix.O_WRONLY, mode)
	}
	return f, failed("create", path, err)
}

// OpenAt opens a regular file in an open folder, which the caller trusts; no
// link. With O_CREAT it is made where there is none.
func OpenAt(dir int, name string, flags int, mode os.FileMode) (fd int, err error) {
	if flags&unix.O_EXCL != 0 {
		return makeAt(dir, name, flags, mode)
	}
	err = unix.EEXIST
	for try := 0; try < maxTries && errors.Is(err, unix.EEXIST); try++ {
		fd, err = openAtOnce(dir, name, flags, mode)
	}
	return fd, err
}

func openAtOnce(dir int, name string, flags int, mode os.FileMode) (int, error) {
	e, err := openPath(dir, name, unix.O_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) && flags&unix.O_CREAT != 0 {
		return makeAt(dir, name, flags, mode)
	}
	if err != nil {
		return -1, err
	}
	defer e.close()
	if !e.isKind(unix.S_IFREG) {
		return -1, kindOf(name, &e.st)
	}
	return e.open(flags &^ unix.O_CREAT)
}
