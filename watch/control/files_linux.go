package control

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// WriteState writes down what a successor must know, whole or not at all. Where
// that fails, it removes the earlier file: that is not true any more, and
// on a full disk the space that it frees may be enough.
func (c *Claim) WriteState(state []byte) error {
	name := c.name + ".state"
	defer c.keeper.see(c.dir, name)
	if c.dir.replace(name, state, 0o600) == nil {
		return nil
	}
	return errors.Join(c.dir.remove(name), c.dir.replace(name, state, 0o600))
}

// State returns what a supervisor that has died had written down of the service. The error
// is fs.ErrNotExist where there is nothing.
func (d *Dir) State(name string) ([]byte, error) {
	b, err := d.of(name).read(name + ".state")
	if err != nil {
		return nil, fmt.Errorf("state of %s: %w", name, err)
	}
	return b, nil
}

// replace gives a file new content. A process that reads the file finds the old content or the
// new one, never a part. After a power failure the content need not be whole.
func (d *Dir) replace(name string, content []byte, mode os.FileMode) error {
	tmp := "." + name
	f, err := d.openNew(tmp)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if mode&0o077 != 0 {
		err = errors.Join(err, d.share(f, mode))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, d.remove(tmp))
	}
	fd := int(d.file.Fd())
	return os.NewSyscallError("rename "+tmp, unix.Renameat(fd, tmp, fd, name))
}

// maxFile bounds what is read of a file, in bytes.
const maxFile = 64 << 20

func (d *Dir) read(name string) ([]byte, error) {
	f, err := d.open(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFile))
}
